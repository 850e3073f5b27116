"""Keys and client assertions (RFC 7523), made with the openssl program."""
import base64
import json
import os
import subprocess
import time
import uuid

NEW_KEY = {
    "ES256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "RS256": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
}
COORDINATE = 32  # bytes of a number on P-256


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encode_json(value):
    return encode(json.dumps(value).encode())


def openssl(*arguments, data=b""):
    return subprocess.run(["openssl", *arguments], input=data, check=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def raw_signature(der):
    """R and S, each at its full length, from a SEQUENCE of two short INTEGERs."""
    numbers, at = b"", 2
    for _ in range(2):
        length = der[at + 1]
        number = der[at + 2:at + 2 + length].lstrip(b"\0")
        numbers, at = numbers + number.rjust(COORDINATE, b"\0"), at + 2 + length
    return numbers


class Key:
    """A private key in `folder`/`kid`.pem (PKCS#8), its public one in `folder`/`kid`.pub."""

    def __init__(self, folder, kid, algorithm):
        self.kid, self.algorithm = kid, algorithm
        self.private = os.path.join(folder, kid + ".pem")
        self.public = os.path.join(folder, kid + ".pub")
        openssl("genpkey", *NEW_KEY[algorithm], "-out", self.private)
        openssl("pkey", "-in", self.private, "-pubout", "-out", self.public)

    def jwk(self):
        """The path of an ES256 public key as a JWK."""
        point = openssl("pkey", "-pubin", "-in", self.public, "-outform", "DER")[-2 * COORDINATE:]
        path = self.public + ".jwk"
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"kty": "EC", "crv": "P-256", "x": encode(point[:COORDINATE]),
                       "y": encode(point[COORDINATE:])}, file)
        return path

    def sign(self, data):
        signature = openssl("dgst", "-sha256", "-sign", self.private, data=data)
        return raw_signature(signature) if self.algorithm == "ES256" else signature

    def assertion(self, header=None, **claims):
        """Signed; a header field or a claim that is None is left out."""
        now = int(time.time())
        header = {"alg": self.algorithm, "kid": self.kid, "typ": "JWT", **(header or {})}
        claims = {"iat": now, "exp": now + 300, "jti": str(uuid.uuid4()), **claims}
        head, body = ({name: value for name, value in fields.items() if value is not None}
                      for fields in (header, claims))
        signed = f"{encode_json(head)}.{encode_json(body)}"
        return f"{signed}.{encode(self.sign(signed.encode()))}"
