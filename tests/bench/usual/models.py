"""The usual tables: endpoints, messages, deliveries with their last outcome."""

import os
from datetime import datetime

from sqlalchemy import DateTime, ForeignKey, Text, create_engine, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, sessionmaker

engine = create_engine(os.environ["USUAL_DATABASE_URL"], pool_size=20)
Session = sessionmaker(engine)


class Base(DeclarativeBase):
    """Common ground."""


class Endpoint(Base):
    """Where messages go."""

    __tablename__ = "endpoint"
    id: Mapped[int] = mapped_column(primary_key=True)
    app: Mapped[str] = mapped_column(Text, index=True)
    url: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(Text)


class Message(Base):
    """What was said."""

    __tablename__ = "message"
    id: Mapped[int] = mapped_column(primary_key=True)
    app: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime, server_default=func.now())


class Delivery(Base):
    """A message on its way to an endpoint."""

    __tablename__ = "delivery"
    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id"))
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("endpoint.id"))
    status: Mapped[str] = mapped_column(Text, default="pending")
    message: Mapped[Message] = relationship()
    endpoint: Mapped[Endpoint] = relationship()


class Attempt(Base):
    """One try."""

    __tablename__ = "attempt"
    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("delivery.id"), index=True)
    status_code: Mapped[int]
    response: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(DateTime, server_default=func.now())
