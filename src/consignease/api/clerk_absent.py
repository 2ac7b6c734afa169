"""What the official Backend API has and Consignease has not, said in plain words."""

_ABSENT = (
    ("/v1/users/{}/oauth_access_tokens", "Accounts at other services are"),
    ("/v1/users/{}/external_accounts", "Accounts at other services are"),
    ("/v1/users/{}/web3_wallets", "Wallets are"),
    ("/v1/users/{}/passkeys", "Passkeys are"),
    ("/v1/users/{}/trusted_devices", "Trusted devices are"),
    ("/v1/users/{}/billing", "Billing is"),
    ("/v1/email_addresses/{}", "Sending codes through this API is"),
    ("/v1/phone_numbers/{}", "Sending codes through this API is"),
    ("/v1/account_portal", "The account portal is"),
    ("/v1/actor_tokens", "Actor tokens are"),
    ("/v1/admin_portal", "The admin portal is"),
    ("/v1/agents", "Agent tasks are"),
    ("/v1/api_keys", "API keys of users are"),
    ("/v1/beta_features", "Beta features are"),
    ("/v1/billing", "Billing is"),
    ("/v1/clients", "Clients are"),
    ("/v1/directories", "Directories are"),
    ("/v1/domains", "Domains are"),
    ("/v1/email", "Sending email through this API is"),
    ("/v1/enterprise_connections", "Enterprise connections are"),
    ("/v1/features", "Billing is"),
    ("/v1/instance", "This setting is"),
    ("/v1/invitations", "Invitations are"),
    ("/v1/jwt_templates", "JWT templates are"),
    ("/v1/m2m_tokens", "Machine-to-machine tokens are"),
    ("/v1/machines", "Machines are"),
    ("/v1/oauth_applications", "OAuth applications are"),
    ("/v1/organization", "Organizations are"),
    ("/v1/permissions", "Organizations are"),
    ("/v1/proxy_checks", "Proxy checks are"),
    ("/v1/public", "The public interstitial is"),
    ("/v1/redirect_urls", "Redirect URLs are"),
    ("/v1/role", "Organizations are"),
    ("/v1/saml_connections", "SAML connections are"),
    ("/v1/scim", "SCIM is"),
    ("/v1/sessions", "Sessions are"),
    ("/v1/sign_in_tokens", "Sign-in tokens are"),
    ("/v1/sign_ups", "Sign-ups are"),
    ("/v1/sms_messages", "Sending SMS through this API is"),
    ("/v1/templates", "Templates are"),
    ("/v1/testing_tokens", "Testing tokens are"),
    ("/v1/waitlist_entries", "The waitlist is"),
    ("/v1/webhooks", "Webhooks are managed at /api/v1; changing them here is"),
)


def reason(path: str) -> str:
    """Say why there is nothing at a path."""
    parts = path.split("/")
    for beginning, what in _ABSENT:
        wanted = beginning.split("/")
        if len(parts) >= len(wanted) and all(
            want == "{}" or part.startswith(want) for part, want in zip(parts, wanted, strict=False)
        ):
            return f"{what} not supported by Consignease (yet): there is nothing at {path}."
    return f"There is nothing at {path}."
