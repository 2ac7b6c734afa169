"""The usual worker: a Celery task that signs, posts with requests, and notes what came of it."""

import base64
import hashlib
import hmac
import os
import time
from typing import Any

import requests
from celery import Celery

from tests.bench.usual.models import Attempt, Delivery, Session

queue = Celery("usual", broker=os.environ["USUAL_BROKER_URL"])
queue.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)
http = requests.Session()


@queue.task(bind=True, max_retries=8, acks_late=True)
def deliver(self: Any, delivery_id: int) -> None:
    """Try once; again later, and later, if it was not accepted."""
    with Session() as session:
        delivery = session.get_one(Delivery, delivery_id)
        name, second = f"msg_{delivery.message_id}", str(int(time.time()))
        signed = f"{name}.{second}.{delivery.message.body}".encode()
        digest = hmac.new(delivery.endpoint.secret.encode(), signed, hashlib.sha256).digest()
        headers = {
            "content-type": "application/json",
            "svix-id": name,
            "svix-timestamp": second,
            "svix-signature": f"v1,{base64.b64encode(digest).decode()}",
        }
        body, url = delivery.message.body.encode(), delivery.endpoint.url
        try:
            answer = http.post(url, data=body, headers=headers, timeout=15)
            status, text = answer.status_code, answer.text[:1000]
        except requests.RequestException as error:
            status, text = 0, str(error)
        session.add(Attempt(delivery_id=delivery_id, status_code=status, response=text))
        accepted = 200 <= status < 300
        if accepted:
            delivery.status = "delivered"
        session.commit()
    if not accepted:
        raise self.retry(countdown=5 * 4**self.request.retries)
