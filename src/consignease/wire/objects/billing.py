"""Billing: money, payers, plans, subscriptions, payment attempts.

The vendor's two descriptions of these differ most, so much is optional here.
Amounts are in the currency's smallest unit; times are milliseconds.
"""

from msgspec import UNSET, Struct, UnsetType

from consignease.wire.ids import (
    InstanceId,
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
    UserId,
)


class BillingMoneyAmountJSON(Struct, frozen=True, kw_only=True):
    """A sum of money."""

    amount: int
    amount_formatted: str
    """Without the symbol, such as 20.00."""
    currency: str
    """ISO 4217, such as USD."""
    currency_symbol: str


class BillingUnitTotalJSON(Struct, frozen=True, kw_only=True):
    """What one kind of unit, such as seats, adds to a total."""

    name: str | UnsetType = UNSET
    amount: int | UnsetType = UNSET
    quantity: int | UnsetType | None = UNSET
    total: int | UnsetType = UNSET
    currency: str | UnsetType = UNSET


class BillingTotalsJSON(Struct, frozen=True, kw_only=True):
    """What is to be paid."""

    subtotal: BillingMoneyAmountJSON
    tax_total: BillingMoneyAmountJSON
    grand_total: BillingMoneyAmountJSON
    per_unit_totals: list[BillingUnitTotalJSON] | UnsetType = UNSET


class BillingPayerJSON(Struct, frozen=True, kw_only=True):
    """Who pays: a user, or an organization."""

    object: str = "commerce_payer"
    id: PayerId
    instance_id: InstanceId | UnsetType = UNSET
    user_id: UserId | UnsetType | None = UNSET
    first_name: str | UnsetType | None = UNSET
    last_name: str | UnsetType | None = UNSET
    email: str
    organization_id: OrganizationId | UnsetType | None = UNSET
    """May be empty for a user."""
    organization_name: str | UnsetType | None = UNSET
    image_url: str
    created_at: int | UnsetType = UNSET
    updated_at: int | UnsetType = UNSET


class BillingPayeeJSON(Struct, frozen=True, kw_only=True):
    """Who is paid."""

    id: PayeeId
    gateway_type: str
    gateway_external_id: str
    gateway_status: str
    """active, pending, restricted or disconnected."""


class BillingPaymentSourceJSON(Struct, frozen=True, kw_only=True):
    """What is charged."""

    id: PaymentSourceId
    gateway: str
    gateway_external_id: str
    gateway_external_account_id: str | UnsetType | None = UNSET
    payment_method: str
    """card or link."""
    status: str
    """active or disconnected."""
    card_type: str | UnsetType | None = UNSET
    last4: str | UnsetType | None = UNSET


class BillingPaymentFailedReasonJSON(Struct, frozen=True, kw_only=True):
    """Why a payment failed, in the gateway's words."""

    code: str
    decline_code: str


class BillingPriceTierJSON(Struct, frozen=True, kw_only=True):
    """The price of a range of blocks."""

    starts_at_block: int
    ends_after_block: int | None
    amount_per_block: int
    currency: str


class BillingUnitPriceJSON(Struct, frozen=True, kw_only=True):
    """The price of one kind of unit, by tiers."""

    name: str
    block_size: int
    tiers: list[BillingPriceTierJSON]


class BillingPlanJSON(Struct, frozen=True, kw_only=True):
    """A plan, as told with a subscription item."""

    id: PlanId
    instance_id: InstanceId | UnsetType = UNSET
    product_id: str | UnsetType = UNSET
    name: str
    slug: str
    description: str | UnsetType | None = UNSET
    is_default: bool | UnsetType = UNSET
    is_recurring: bool
    amount: int
    period: str | UnsetType = UNSET
    """month or annual."""
    interval: int | UnsetType = UNSET
    has_base_fee: bool | UnsetType = UNSET
    currency: str
    annual_monthly_amount: int | UnsetType = UNSET
    publicly_visible: bool | UnsetType = UNSET
    unit_prices: list[BillingUnitPriceJSON] | UnsetType = UNSET


class BillingCreditJSON(Struct, frozen=True, kw_only=True):
    """What is given back for the unused part of a period."""

    amount: BillingMoneyAmountJSON
    cycle_days_remaining: int
    cycle_days_total: int
    cycle_remaining_percent: int | float


class BillingPayerCreditJSON(Struct, frozen=True, kw_only=True):
    """What is taken from the payer's balance."""

    applied_amount: BillingMoneyAmountJSON
    remaining_balance: BillingMoneyAmountJSON


class BillingCreditsJSON(Struct, frozen=True, kw_only=True):
    """All credits of a subscription item."""

    proration: BillingCreditJSON | UnsetType | None = UNSET
    payer: BillingPayerCreditJSON | UnsetType | None = UNSET
    total: BillingMoneyAmountJSON


class BillingSeatsJSON(Struct, frozen=True, kw_only=True):
    """How many seats were bought."""

    quantity: int | None
    """None: no limit."""


class BillingSubscriptionItemWebhookEventJSON(Struct, frozen=True, kw_only=True):
    """One plan within a subscription."""

    object: str = "commerce_subscription_item"
    id: SubscriptionItemId
    status: str
    """abandoned, active, canceled, ended, expired, incomplete, past_due or upcoming."""
    is_free_trial: bool | UnsetType = UNSET
    credit: BillingCreditJSON | UnsetType | None = UNSET
    credits: BillingCreditsJSON | UnsetType | None = UNSET
    proration_date: str | UnsetType = UNSET
    """For example 2024-05-01."""
    plan_period: str | UnsetType = UNSET
    """month or annual."""
    interval: str | UnsetType = UNSET
    """The same as `plan_period`."""
    period_start: int
    period_end: int | None
    canceled_at: int | UnsetType | None = UNSET
    past_due_at: int | UnsetType | None = UNSET
    lifetime_paid: int | UnsetType = UNSET
    next_payment_amount: int | UnsetType = UNSET
    next_payment_date: int | UnsetType = UNSET
    amount: BillingMoneyAmountJSON | UnsetType = UNSET
    plan: BillingPlanJSON | None = None
    plan_id: PlanId | None = None
    payer: BillingPayerJSON | UnsetType = UNSET
    subscription_id: SubscriptionId | UnsetType | None = UNSET
    seats: BillingSeatsJSON | UnsetType = UNSET
    created_at: int | UnsetType = UNSET
    updated_at: int | UnsetType = UNSET


class BillingSubscriptionWebhookEventJSON(Struct, frozen=True, kw_only=True):
    """All that one payer subscribes to."""

    object: str = "commerce_subscription"
    id: SubscriptionId
    status: str
    """abandoned, active, canceled, ended, expired, incomplete, past_due or upcoming."""
    active_at: int | UnsetType | None = UNSET
    canceled_at: int | UnsetType | None = UNSET
    ended_at: int | UnsetType | None = UNSET
    past_due_at: int | UnsetType | None = UNSET
    created_at: int
    updated_at: int
    latest_payment_id: PaymentId | None
    payer_id: PayerId
    payer: BillingPayerJSON
    payment_source_id: PaymentSourceId | None
    items: list[BillingSubscriptionItemWebhookEventJSON]


class BillingPaymentAttemptWebhookEventJSON(Struct, frozen=True, kw_only=True):
    """One try to collect a payment."""

    object: str = "commerce_payment_attempt"
    id: PaymentAttemptId
    instance_id: InstanceId
    payment_id: PaymentId
    statement_id: StatementId
    invoice_id: str | UnsetType = UNSET
    """Deprecated: see `statement_id`."""
    gateway_external_id: str
    status: str
    """pending, paid or failed."""
    created_at: int
    updated_at: int
    paid_at: int | UnsetType | None = UNSET
    failed_at: int | UnsetType | None = UNSET
    failed_reason: BillingPaymentFailedReasonJSON | UnsetType | None = UNSET
    billing_date: int
    charge_type: str
    """checkout or recurring."""
    payee: BillingPayeeJSON
    payer: BillingPayerJSON
    totals: BillingTotalsJSON
    payment_source: BillingPaymentSourceJSON
    subscription_items: list[BillingSubscriptionItemWebhookEventJSON]
