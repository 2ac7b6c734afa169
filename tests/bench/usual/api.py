"""The usual API: FastAPI takes a message, SQLAlchemy stores it, Celery gets a task per endpoint."""

import json
import os
from typing import Annotated, Any

from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel, Field
from sqlalchemy import select

from tests.bench.usual.models import Base, Delivery, Endpoint, Message, Session, engine
from tests.bench.usual.tasks import deliver

KEY = os.environ["USUAL_KEY"]
Base.metadata.create_all(engine)
api = FastAPI()


class NewEndpoint(BaseModel):
    """An endpoint to be."""

    url: str


class NewMessage(BaseModel):
    """A message to be."""

    type: Annotated[str, Field(alias="eventType")]
    payload: dict[str, Any]


class Created(BaseModel):
    """What was made."""

    id: int


def check(authorization: str) -> None:
    """Let only the holder of the key in."""
    if authorization != f"Bearer {KEY}":
        raise HTTPException(401)


@api.post("/api/v1/app/{app}/endpoint", status_code=201)
def add_endpoint(app: str, new: NewEndpoint, authorization: Annotated[str, Header()]) -> Created:
    """Add an endpoint."""
    check(authorization)
    with Session() as session:
        endpoint = Endpoint(app=app, url=new.url, secret="whsec_c2VjcmV0")
        session.add(endpoint)
        session.commit()
        return Created(id=endpoint.id)


@api.post("/api/v1/app/{app}/msg", status_code=202)
def add_message(app: str, new: NewMessage, authorization: Annotated[str, Header()]) -> Created:
    """Take a message."""
    check(authorization)
    with Session() as session:
        message = Message(app=app, type=new.type, body=json.dumps(new.payload))
        session.add(message)
        deliveries = [
            Delivery(message=message, endpoint_id=number)
            for number in session.scalars(select(Endpoint.id).where(Endpoint.app == app))
        ]
        session.add_all(deliveries)
        session.commit()
        for delivery in deliveries:
            deliver.delay(delivery.id)
        return Created(id=message.id)
