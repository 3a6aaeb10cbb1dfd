"""What a trial decides. It imports no library, as the driver of a job needs none."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """How a rival runs the encoder.

    encoder: a name in `encoders.ENCODERS`.
    batch_size: rows of a mini-batch at most.
    """

    encoder: str
    batch_size: int
