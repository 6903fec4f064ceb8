"""What can be set about the store."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from stream.secrets import NO_SECRET, Nodes


class ElasticSettings(BaseModel):
    """Section `[index.elastic]`: where the store is when `engine` is `cluster`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    servers: Nodes = Field(
        default=("http://127.0.0.1:9200",), description="The nodes, as `https://host:port`."
    )
    prefix: str = Field(
        default="peil",
        pattern=r"^[a-z][a-z0-9_]*$",
        max_length=200,  # a name of an index has 255 characters at most
        description="What the names of indices begin with.",
    )
    replicas: int = Field(
        default=0,
        ge=0,
        le=100,
        description="Copies of each index beside the first; 1 where there are nodes.",
    )
    shards: int = Field(
        default=1,
        ge=1,
        le=1024,  # as many as Elasticsearch allows
        description="Shards of each index of kept posts. With more than three, somebody whose "
        "posts of a day lie one by one in them may count more than three times.",
    )
    user: str = Field(default="", description="Who logs in with a password.")
    password: SecretStr = Field(
        default=NO_SECRET, description="From the environment only; else `password_file`."
    )
    password_file: str = Field(default="", description="A file that holds the password.")
    api_key: SecretStr = Field(
        default=NO_SECRET, description="From the environment only; else `api_key_file`."
    )
    api_key_file: str = Field(
        default="", description="A file that holds an encoded API key, in place of a user."
    )
    ca_file: str = Field(
        default="", description="The certificate authority of the nodes; empty: the system's."
    )
    seconds: float = Field(
        default=30.0,
        gt=0,
        le=3_600,
        allow_inf_nan=False,
        description="An answer that takes longer is given up and tried again.",
    )


class IndexSettings(BaseModel):
    """Section `[index]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_candidates: int = Field(
        default=200_000,
        ge=1_000,
        description='An inexact query with more candidates is answered by "too broad".',
    )
    series_years: int = Field(
        default=5,
        ge=1,
        le=20,
        description="The counts that are kept when texts expire are kept for so long.",
    )
    writer_megabytes: int = Field(
        default=32, ge=15, description="Memory of the writer of one partition."
    )
    elastic: ElasticSettings = ElasticSettings()
