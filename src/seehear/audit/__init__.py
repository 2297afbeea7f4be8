"""A tamper-evident log: one line of JSON per entry, each with the hash of the previous one.

Anyone who can write the files can also rewrite all of them. That can only be detected with a hash that was kept
elsewhere: save `AuditLog.head` regularly.
"""

from __future__ import annotations

from seehear.audit.log import AuditLog as AuditLog
from seehear.audit.verification import LogCheck as LogCheck
from seehear.audit.verification import verify as verify
