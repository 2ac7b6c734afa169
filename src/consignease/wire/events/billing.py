"""Events about billing."""

from typing import ClassVar, Literal, TypeAlias

from consignease.wire.events.envelope import Event
from consignease.wire.objects import (
    BillingPaymentAttemptWebhookEventJSON,
    BillingSubscriptionItemWebhookEventJSON,
    BillingSubscriptionWebhookEventJSON,
)


class SubscriptionCreated(
    Event[BillingSubscriptionWebhookEventJSON], frozen=True, tag="subscription.created"
):
    """A payer got a subscription."""

    type: ClassVar[Literal["subscription.created"]] = "subscription.created"


class SubscriptionUpdated(
    Event[BillingSubscriptionWebhookEventJSON], frozen=True, tag="subscription.updated"
):
    """Something about a subscription changed."""

    type: ClassVar[Literal["subscription.updated"]] = "subscription.updated"


class SubscriptionActive(
    Event[BillingSubscriptionWebhookEventJSON], frozen=True, tag="subscription.active"
):
    """A subscription became active."""

    type: ClassVar[Literal["subscription.active"]] = "subscription.active"


class SubscriptionPastDue(
    Event[BillingSubscriptionWebhookEventJSON], frozen=True, tag="subscription.pastDue"
):
    """A subscription's payment is overdue."""

    type: ClassVar[Literal["subscription.pastDue"]] = "subscription.pastDue"


class SubscriptionItemCreated(
    Event[BillingSubscriptionItemWebhookEventJSON], frozen=True, tag="subscriptionItem.created"
):
    """A plan was added to a subscription."""

    type: ClassVar[Literal["subscriptionItem.created"]] = "subscriptionItem.created"


class SubscriptionItemUpdated(
    Event[BillingSubscriptionItemWebhookEventJSON], frozen=True, tag="subscriptionItem.updated"
):
    """Something about a subscription item changed."""

    type: ClassVar[Literal["subscriptionItem.updated"]] = "subscriptionItem.updated"


class SubscriptionItemActive(
    Event[BillingSubscriptionItemWebhookEventJSON], frozen=True, tag="subscriptionItem.active"
):
    """A subscription item became active."""

    type: ClassVar[Literal["subscriptionItem.active"]] = "subscriptionItem.active"


class SubscriptionItemCanceled(
    Event[BillingSubscriptionItemWebhookEventJSON], frozen=True, tag="subscriptionItem.canceled"
):
    """A subscription item was canceled and runs until its period ends."""

    type: ClassVar[Literal["subscriptionItem.canceled"]] = "subscriptionItem.canceled"


class SubscriptionItemUpcoming(
    Event[BillingSubscriptionItemWebhookEventJSON], frozen=True, tag="subscriptionItem.upcoming"
):
    """A subscription item will begin when another ends."""

    type: ClassVar[Literal["subscriptionItem.upcoming"]] = "subscriptionItem.upcoming"


class SubscriptionItemEnded(
    Event[BillingSubscriptionItemWebhookEventJSON], frozen=True, tag="subscriptionItem.ended"
):
    """A subscription item ended."""

    type: ClassVar[Literal["subscriptionItem.ended"]] = "subscriptionItem.ended"


class SubscriptionItemAbandoned(
    Event[BillingSubscriptionItemWebhookEventJSON], frozen=True, tag="subscriptionItem.abandoned"
):
    """A subscription item was given up before it began."""

    type: ClassVar[Literal["subscriptionItem.abandoned"]] = "subscriptionItem.abandoned"


class SubscriptionItemIncomplete(
    Event[BillingSubscriptionItemWebhookEventJSON], frozen=True, tag="subscriptionItem.incomplete"
):
    """A subscription item waits for its first payment."""

    type: ClassVar[Literal["subscriptionItem.incomplete"]] = "subscriptionItem.incomplete"


class SubscriptionItemPastDue(
    Event[BillingSubscriptionItemWebhookEventJSON], frozen=True, tag="subscriptionItem.pastDue"
):
    """A subscription item's payment is overdue."""

    type: ClassVar[Literal["subscriptionItem.pastDue"]] = "subscriptionItem.pastDue"


class SubscriptionItemFreeTrialEnding(
    Event[BillingSubscriptionItemWebhookEventJSON],
    frozen=True,
    tag="subscriptionItem.freeTrialEnding",
):
    """A free trial ends in three days, or sooner."""

    type: ClassVar[Literal["subscriptionItem.freeTrialEnding"]] = "subscriptionItem.freeTrialEnding"


class PaymentAttemptCreated(
    Event[BillingPaymentAttemptWebhookEventJSON], frozen=True, tag="paymentAttempt.created"
):
    """A payment was tried."""

    type: ClassVar[Literal["paymentAttempt.created"]] = "paymentAttempt.created"


class PaymentAttemptUpdated(
    Event[BillingPaymentAttemptWebhookEventJSON], frozen=True, tag="paymentAttempt.updated"
):
    """A payment succeeded or failed."""

    type: ClassVar[Literal["paymentAttempt.updated"]] = "paymentAttempt.updated"


BillingSubscriptionWebhookEvent: TypeAlias = (
    SubscriptionCreated | SubscriptionUpdated | SubscriptionActive | SubscriptionPastDue
)

BillingSubscriptionItemWebhookEvent: TypeAlias = (
    SubscriptionItemCreated
    | SubscriptionItemUpdated
    | SubscriptionItemActive
    | SubscriptionItemCanceled
    | SubscriptionItemUpcoming
    | SubscriptionItemEnded
    | SubscriptionItemAbandoned
    | SubscriptionItemIncomplete
    | SubscriptionItemPastDue
    | SubscriptionItemFreeTrialEnding
)

BillingPaymentAttemptWebhookEvent: TypeAlias = PaymentAttemptCreated | PaymentAttemptUpdated
