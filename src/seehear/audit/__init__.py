"""A log that cannot be changed without trace: one line of JSON per entry, each with the hash of the one before.

Whoever can write the files can also write all of them anew. That shows only against a hash that was kept elsewhere:
note down `AuditLog.head` now and then.
"""

from __future__ import annotations

from seehear.audit.log import AuditLog as AuditLog
from seehear.audit.verification import LogCheck as LogCheck
from seehear.audit.verification import verify as verify
