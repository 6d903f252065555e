"""Takes the program off the devices of an account."""

from __future__ import annotations

import attrs

from adapters.amazon.http import AmazonSession
from adapters.amazon.linking import Linking
from adapters.amazon.tokens import RefreshTokenRefused, TokenEndpoint
from domain.errors import CredentialsRefused
from ports.clock import Clock

_WITHIN_S = 10.0


@attrs.frozen(kw_only=True)
class SigningOut:
    """Signs out by the refresh token that signing in gave, which is worthless afterwards."""

    session: AmazonSession
    endpoint: TokenEndpoint
    linking: Linking
    clock: Clock

    async def done(self) -> None:
        """Raises CredentialsRefused when Amazon does not know the token any more, or another SourceError."""
        try:
            token = await self.endpoint.access_token(self.clock.elapsed_s() + _WITHIN_S)
            await self.linking.deregister(token.value)
        except RefreshTokenRefused as refused:
            raise CredentialsRefused(str(refused)) from refused
        finally:
            await self.session.close()
