"""Score one chunk: the encoder's signals and embeddings, into one durable chunk file and one row of the ledger."""

import os
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from pairsift.adapters.chunks import ChunkData, write_chunk
from pairsift.adapters.pairlist import read_identities
from pairsift.adapters.scratch import PreparedPairs, read_prepared, remove_prepared
from pairsift.adapters.store import ChunkRow, Claim, open_engine, record_chunk
from pairsift.config import PartitionJob, ScoreConfig
from pairsift.core.measuring import encodable_caption, merge
from pairsift.models.encoder import load_encoder
from pairsift.settings import Settings
from tasks.references import PreparedChunk
from tasks.retrying import RETRIES, RETRY_DELAYS_S, retry_if_transient
