"""Example subscriptions and payments."""

from msgspec import Struct, structs

from consignease.wire.events.union import WebhookEventType
from consignease.wire.examples.common import DAY, INSTANCE, NOW, example_id
from consignease.wire.examples.people import ADA
from consignease.wire.ids import (
    OrganizationId,
    PayeeId,
    PayerId,
    PaymentAttemptId,
    PaymentId,
    PaymentSourceId,
    PlanId,
    StatementId,
    SubscriptionId,
    SubscriptionItemId,
)
from consignease.wire.objects import (
    BillingCreditJSON,
    BillingMoneyAmountJSON,
    BillingPayeeJSON,
    BillingPayerJSON,
    BillingPaymentAttemptWebhookEventJSON,
    BillingPaymentSourceJSON,
    BillingPlanJSON,
    BillingSeatsJSON,
    BillingSubscriptionItemWebhookEventJSON,
    BillingSubscriptionWebhookEventJSON,
    BillingTotalsJSON,
)


def _dollars(cents: int) -> BillingMoneyAmountJSON:
    return BillingMoneyAmountJSON(
        amount=cents,
        amount_formatted=f"{cents // 100}.{cents % 100:02}",
        currency="USD",
        currency_symbol="$",
    )


_MONTH_END = NOW + 31 * DAY
_SUBSCRIPTION_ID = SubscriptionId(example_id("csub", "ada"))

_PAYER = BillingPayerJSON(
    id=PayerId(example_id("cpayer", "ada")),
    instance_id=INSTANCE,
    user_id=ADA.id,
    first_name=ADA.first_name,
    last_name=ADA.last_name,
    email=ADA.email_addresses[0].email_address,
    organization_id=OrganizationId(""),
    organization_name="",
    image_url=ADA.image_url,
    created_at=NOW,
    updated_at=NOW,
)

_PLAN = BillingPlanJSON(
    id=PlanId(example_id("cplan", "pro")),
    instance_id=INSTANCE,
    product_id=example_id("cprd", "pro"),
    name="Pro",
    slug="pro",
    description="For people who build",
    is_default=False,
    is_recurring=True,
    amount=2000,
    period="month",
    interval=1,
    has_base_fee=True,
    currency="USD",
    annual_monthly_amount=1600,
    publicly_visible=True,
)

_ITEM = BillingSubscriptionItemWebhookEventJSON(
    id=SubscriptionItemId(example_id("csub_item", "pro")),
    status="active",
    is_free_trial=False,
    credit=BillingCreditJSON(
        amount=_dollars(0),
        cycle_days_remaining=0,
        cycle_days_total=31,
        cycle_remaining_percent=0,
    ),
    proration_date="2026-01-01",
    plan_period="month",
    interval="month",
    period_start=NOW,
    period_end=_MONTH_END,
    lifetime_paid=2000,
    next_payment_amount=2000,
    next_payment_date=_MONTH_END,
    amount=_dollars(2000),
    plan=_PLAN,
    plan_id=_PLAN.id,
    payer=_PAYER,
    subscription_id=_SUBSCRIPTION_ID,
    seats=BillingSeatsJSON(quantity=1),
    created_at=NOW,
    updated_at=NOW,
)

_SUBSCRIPTION = BillingSubscriptionWebhookEventJSON(
    id=_SUBSCRIPTION_ID,
    status="active",
    active_at=NOW,
    canceled_at=None,
    ended_at=None,
    past_due_at=None,
    created_at=NOW,
    updated_at=NOW,
    latest_payment_id=PaymentId(example_id("cpa", "january")),
    payer_id=_PAYER.id,
    payer=_PAYER,
    payment_source_id=PaymentSourceId(example_id("cps", "card")),
    items=[_ITEM],
)

_LATE = structs.replace(
    _SUBSCRIPTION,
    status="past_due",
    past_due_at=_MONTH_END,
    updated_at=_MONTH_END,
    items=[structs.replace(_ITEM, status="past_due", past_due_at=_MONTH_END)],
)

_PAYMENT = BillingPaymentAttemptWebhookEventJSON(
    id=PaymentAttemptId(example_id("pa", "january")),
    instance_id=INSTANCE,
    payment_id=PaymentId(example_id("cpa", "january")),
    statement_id=StatementId(example_id("stmt", "january")),
    gateway_external_id="pi_example",
    status="pending",
    created_at=NOW,
    updated_at=NOW,
    paid_at=None,
    failed_at=None,
    failed_reason=None,
    billing_date=NOW,
    charge_type="checkout",
    payee=BillingPayeeJSON(
        id=PayeeId(example_id("cpayee", "example")),
        gateway_type="stripe",
        gateway_external_id="acct_example",
        gateway_status="active",
    ),
    payer=_PAYER,
    totals=BillingTotalsJSON(
        subtotal=_dollars(2000), tax_total=_dollars(380), grand_total=_dollars(2380)
    ),
    payment_source=BillingPaymentSourceJSON(
        id=PaymentSourceId(example_id("cps", "card")),
        gateway="stripe",
        gateway_external_id="pm_example",
        gateway_external_account_id="acct_example",
        payment_method="card",
        status="active",
        card_type="visa",
        last4="4242",
    ),
    subscription_items=[_ITEM],
)


def _item(status: str) -> BillingSubscriptionItemWebhookEventJSON:
    return structs.replace(_ITEM, status=status, updated_at=NOW + DAY)


BILLING: dict[WebhookEventType, Struct] = {
    "subscription.created": _SUBSCRIPTION,
    "subscription.updated": structs.replace(_SUBSCRIPTION, updated_at=NOW + DAY),
    "subscription.active": _SUBSCRIPTION,
    "subscription.pastDue": _LATE,
    "subscriptionItem.created": _ITEM,
    "subscriptionItem.updated": _item("active"),
    "subscriptionItem.active": _ITEM,
    "subscriptionItem.canceled": structs.replace(_item("canceled"), canceled_at=NOW + DAY),
    "subscriptionItem.upcoming": _item("upcoming"),
    "subscriptionItem.ended": _item("ended"),
    "subscriptionItem.abandoned": _item("abandoned"),
    "subscriptionItem.incomplete": _item("incomplete"),
    "subscriptionItem.pastDue": structs.replace(_item("past_due"), past_due_at=_MONTH_END),
    "subscriptionItem.freeTrialEnding": structs.replace(_ITEM, is_free_trial=True),
    "paymentAttempt.created": _PAYMENT,
    "paymentAttempt.updated": structs.replace(
        _PAYMENT, status="paid", paid_at=NOW + DAY, updated_at=NOW + DAY
    ),
}
"""The data of each event about billing."""
