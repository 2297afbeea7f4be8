"""What serving a local network needs: a certificate and a token, made once, in a folder only its owner can read."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from seehear.errors import UsageError

VALID = timedelta(days=397)  # the longest that browsers accept
RENEW = timedelta(days=30)  # before it ends
CERTIFICATE, TOKEN = "certificate.pem", "token"
TOKEN_BYTES = 18


@dataclass(frozen=True)
class LanIdentity:
    """What others on the network need to know, and what the server shows them.

    certificate   a file with the certificate and its key
    fingerprint   SHA-256 of the certificate, as browsers show it
    names         under which it is valid: addresses and names of this machine
    """

    token: str
    certificate: Path
    fingerprint: str
    names: tuple[str, ...]


def prepare_lan(folder: Path, names: Sequence[str]) -> LanIdentity:
    """The identity kept in `folder`, made or renewed if need be. Raises UsageError if it cannot be kept there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        token = _read_token(folder / TOKEN)
        certificate = _read_certificate(folder / CERTIFICATE, names)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror or error}", where=str(folder)) from None
    fingerprint = ":".join(f"{byte:02X}" for byte in certificate.fingerprint(hashes.SHA256()))
    return LanIdentity(token, folder / CERTIFICATE, fingerprint, tuple(names))


def own_names() -> tuple[str, ...]:
    """The addresses and names under which others on the network reach this machine, best first."""
    name = socket.gethostname().lower()
    dotted = (name if "." in name else f"{name}.local",)
    return tuple(dict.fromkeys((*_own_addresses(), name, *dotted)))


def _own_addresses() -> list[str]:
    """The address from which this machine would send to others; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("10.255.255.255", 1))
        except OSError:
            return []
        return [probe.getsockname()[0]]


def _read_token(file: Path) -> str:
    if not file.exists():
        _write_private(file, secrets.token_urlsafe(TOKEN_BYTES).encode())
    return file.read_text(encoding="ascii").strip()


def _read_certificate(file: Path, names: Sequence[str]) -> x509.Certificate:
    """The certificate in a file, unless it is about to end, damaged, or not valid for a name: then a new one."""
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        if _names_of(certificate) >= set(names) and certificate.not_valid_after_utc > datetime.now(UTC) + RENEW:
            return certificate
    except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
        pass
    return _make_certificate(file, names)


def _make_certificate(file: Path, names: Sequence[str]) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "seehear on this machine")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # other clocks may be behind
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectAlternativeName([_general_name(each) for each in (*names, "localhost")]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write_private(file, secret + certificate.public_bytes(Encoding.PEM))
    return certificate


def _names_of(certificate: x509.Certificate) -> set[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = {str(each) for each in found.get_values_for_type(x509.IPAddress)}
    return addresses | set(found.get_values_for_type(x509.DNSName))


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write_private(file: Path, content: bytes) -> None:
    """Readable by the owner alone from the beginning on."""
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as writing:
        writing.write(content)
    temporary.replace(file)
