"""Every error Pairsift raises on purpose, named by what the operator does next.

PairsiftError
├── UnusableInputError           fix what was asked for, then run again (exit 2)
│   ├── ConfigError                a config, policy or option is wrong
│   ├── SourceError                the source is missing, empty or of no known format
│   ├── ModelUnavailableError      weights or device are not there; the message says how to get them
│   ├── StorageDeniedError         an object store refuses: fix the credentials, or what they allow
│   └── StoreError                 the database is missing, too old, too new or unreachable
├── PartitionError               this partition failed; the others go on; `--rerun-failed` (exit 1)
│   ├── ContainerDamagedError      too much of a shard was unreadable
│   ├── SourceChangedError         the source changed while it was being read: run again
│   ├── ChunkDamagedError          a stored chunk file is gone or damaged: it must be scored again
│   ├── CalibrationDamagedError    a stored calibration file is gone or damaged: restore it, or calibrate anew
│   ├── TargetDamagedError         a stored target set is gone or damaged: restore it, or make it anew
│   ├── EvaluationSetDamagedError  a stored evaluation set is gone or damaged: restore it, or make it anew
│   ├── OutsideStorageError        the store names a file outside the storage folder: somebody changed the database
│   ├── DiskFullError              a disk has no room for a file: make room, then run again
│   ├── StorageError               an object store did not answer, or not wholly: run again
│   ├── ForgottenError             pairs were forgotten meanwhile: run again, without them
│   ├── InterruptedRunError        the run was stopped: the same command goes on where it stopped
│   └── ConservationError          pairs read ≠ kept + dropped + quarantined: a bug, report it
├── DatabaseGoneError            the database went away during a run: when it is back, the same command goes on (exit 1)
├── Fenced                       another attempt owns the partition now: stop, nothing to do
└── Busy                         another attempt is at work on the partition: wait or run later
"""


class PairsiftError(Exception):
    """Base of all errors raised on purpose."""


class UnusableInputError(PairsiftError):
    """What was asked for cannot be done; nothing was started."""


class ConfigError(UnusableInputError):
    """A config file, a policy or an option is wrong."""


class SourceError(UnusableInputError):
    """The source is missing, empty or of no known format."""


class ModelUnavailableError(UnusableInputError):
    """The weights or the device asked for are not there."""


class StorageDeniedError(UnusableInputError):
    """An object store refuses what was asked of it: its credentials are missing, or do not allow it."""


class StoreError(UnusableInputError):
    """The database is missing, at another schema version, or unreachable."""


class PartitionError(PairsiftError):
    """One partition failed; the others go on."""


class ContainerDamagedError(PartitionError):
    """More of a container was unreadable than the config allows."""


class SourceChangedError(PartitionError):
    """The source's bytes changed between two reads of one attempt."""


class ChunkDamagedError(PartitionError):
    """A chunk file of the storage folder is gone, cut or changed."""


class CalibrationDamagedError(PartitionError):
    """A calibration file of the storage folder is gone, cut or changed."""


class TargetDamagedError(PartitionError):
    """A target set's file of the storage folder is gone, cut or changed."""


class EvaluationSetDamagedError(PartitionError):
    """An evaluation set's file of the storage folder is gone, cut or changed."""


class OutsideStorageError(PartitionError):
    """The store names a file that is not below the storage folder."""


class DiskFullError(PartitionError):
    """A disk, or a quota on it, has no room for a file."""


class StorageError(PartitionError):
    """An object store did not answer, or not wholly, however often its library asked."""


class ForgottenError(PartitionError):
    """A pair that is being written was forgotten since it was read."""


class InterruptedRunError(PartitionError):
    """The run was stopped while the partition was being worked on."""


class ConservationError(PartitionError):
    """The pairs read are not exactly those kept, dropped and quarantined."""


class DatabaseGoneError(PairsiftError):
    """The database went away in the middle of a run and did not come back while it was asked again."""


class Fenced(PairsiftError):  # noqa: N818 - a state, not a failure: the reader's word for it in the commit protocol
    """Another attempt has taken the partition; this one must stop."""


class Busy(PairsiftError):  # noqa: N818 - see Fenced
    """Another attempt is at work on the partition."""
