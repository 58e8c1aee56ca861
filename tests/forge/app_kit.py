"""An app's key, and the assertions it signs."""

from __future__ import annotations

from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


@dataclass
class Key:
    """Both halves in PEM."""

    private: str
    public: str

    @classmethod
    def make(cls) -> Key:
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        public = made.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return cls(private.decode(), public.decode())

    def assertion(self, app: object, *, now: float, expires: float = 300, issued: float = -60) -> dict[str, str]:
        """The Authorization header for a JWT that expires `expires` seconds after `now`, and was issued at `issued`."""
        claims = {"iss": str(app), "iat": int(now + issued), "exp": int(now + expires)}
        return {"Authorization": f"Bearer {jwt.encode(claims, self.private, 'RS256')}"}
