"""Connect to a database, and say in a sentence what it refuses, without its own words.

A database's message may quote a row or the password's owner, so only its code is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from quickstack.facts.errors import SourceError

if TYPE_CHECKING:
    import sqlalchemy as sa

FORM = "postgresql://USER:PASSWORD@HOST:5432/DATABASE"
CONNECT_SECONDS = 3
#: How values of other types are written as text must not depend on the server's settings.
_SESSION = (
    "SET LOCAL TIME ZONE 'UTC'",
    "SET LOCAL datestyle TO 'ISO, YMD'",
    "SET LOCAL intervalstyle TO 'iso_8601'",
    "SET LOCAL bytea_output TO 'hex'",
    "SET LOCAL extra_float_digits TO 1",
)

# SQLSTATE, or its class of two characters: what it means, remedy.
_STATES = {
    "28": ("the database refuses this user or password", "correct them in {variable}"),
    "3D": ("there is no database of that name on the server", "correct it in {variable}"),
    "42P01": ("the query names a table that is not there", "correct it, or name its schema too"),
    "42703": ("the query names a column that is not there", "correct the query"),
    "42601": ("this is not correct SQL", "correct the query"),
    "42501": ("this user may not read what the query asks for", "ask for the right to SELECT it"),
    "42": ("the query cannot be understood (SQLSTATE {state})", "correct the query"),
    "22": (
        "a value cannot be computed or converted as the query asks (SQLSTATE {state})",
        "look for the row with a database client, and correct the query",
    ),
    "25006": ("the query would change the database, and landing only reads", "write a SELECT"),
    "57014": ("the database broke the query off, for example at --timeout", "give it more time"),
    "57": ("the database server is shutting down or ended this connection", "land again later"),
    "53300": ("the database has no connection left", "land again later"),
    "53": ("the database has no memory or disk left for this query", "ask for fewer rows"),
    "40": ("the query met changes of others and was broken off", "land again"),
    "08": ("the connection to the database broke off", "land again"),
}
# What is found in the words of a connection that failed, which has no SQLSTATE.
_WORDS = (
    (("password authentication failed", "no password supplied", "role "), _STATES["28"]),
    (("database ",), _STATES["3D"]),
    (("pg_hba",), ("the server lets no connection in from here", "ask its administrator")),
    (
        ("resolve host", "translate host", "name or service", "getaddrinfo"),
        ("the name of the database server is unknown", "correct the host in {variable}, check VPN"),
    ),
    (
        ("refused",),
        ("nothing listens at the database's address", "correct host and port in {variable}"),
    ),
    (
        ("timeout", "timed out", "unreachable"),
        (f"the database cannot be reached within {CONNECT_SECONDS} s", "check network and VPN"),
    ),
    (
        ("ssl", "certificate"),
        ("no trusted TLS connection can be made", "set sslmode and sslrootcert in {variable}"),
    ),
    (("closed the connection", "connection is lost", "terminat", "eof detected"), _STATES["08"]),
)


def database(url: str, variable: str, program: str = "quickstack land") -> sa.Engine:
    """Return an engine that keeps no connection.

    Parameters
    ----------
    url
        SQLAlchemy's database URL; `postgresql:` and `postgres:` mean psycopg.
    variable
        Where the URL stands, for messages.
    program
        What the server is told who connects.

    Raises
    ------
    SourceError
        Where the URL is none, or its driver is missing.
    """
    import sqlalchemy as sa
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    where = f"environment variable {variable}"
    try:
        parsed = sa.make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        options: dict[str, Any] = {}
        if parsed.get_backend_name() == "postgresql":
            options = {
                "connect_timeout": CONNECT_SECONDS,
                "client_encoding": "utf8",
                "application_name": program,
                "keepalives_idle": 30,
                "keepalives_interval": 10,
                "keepalives_count": 3,
                # Poolers between us and the server know no prepared statements.
                "prepare_threshold": None,
            }
            options = {k: v for k, v in options.items() if k not in parsed.query}
        return sa.create_engine(
            parsed, poolclass=sa.pool.NullPool, connect_args=options, hide_parameters=True
        )
    except NoSuchModuleError:
        raise SourceError(
            "this kind of database is not known", where=where, fix=f"write {FORM}"
        ) from None
    except (ArgumentError, ValueError, TypeError):
        raise SourceError("this is not a database URL", where=where, fix=f"write {FORM}") from None
    except ImportError:
        raise SourceError(
            "the Python driver for this kind of database is not installed",
            where=where,
            fix="install the driver that SQLAlchemy names for it",
        ) from None


@contextmanager
def connected(url: str, variable: str, seconds: int) -> Iterator[sa.Connection]:
    """Give a connection inside one read-only snapshot of the database.

    On PostgreSQL the transaction is REPEATABLE READ, READ ONLY; elsewhere a query is one
    statement, and as consistent as the database makes that.

    Parameters
    ----------
    url, variable
        As `database` takes them.
    seconds
        After which PostgreSQL breaks a statement off.

    Raises
    ------
    SourceError
        Where the database cannot be used.
    """
    engine = database(url, variable)
    with told(variable), engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            for line in (*_SESSION, f"SET LOCAL statement_timeout TO {seconds * 1000}"):
                connection.exec_driver_sql(line)
        yield connection


@contextmanager
def told(
    variable: str,
    query: str | None = None,
    before: int = 0,
    states: Mapping[str, tuple[str, str]] = MappingProxyType({}),
) -> Iterator[None]:
    """Turn the errors of SQLAlchemy and the driver into sentences.

    Parameters
    ----------
    query
        The user's query, so that a mistake gets its line.
    before
        How many characters stand before it in the statement that is sent.
    states
        By SQLSTATE or its class: what it means for another purpose than landing, and the remedy.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        raise _sentence(error, variable, query, before, states) from None
    except SourceError:
        raise
    except Exception as error:
        # The driver's own errors, also those it raises while it reads a row.
        if type(error).__module__.partition(".")[0] not in ("psycopg", "sqlite3"):
            raise
        raise _sentence(error, variable, query, before, states) from None


def _sentence(
    error: Exception,
    variable: str,
    query: str | None,
    before: int,
    states: Mapping[str, tuple[str, str]],
) -> SourceError:
    cause = getattr(error, "orig", None) or error
    state = str(getattr(cause, "sqlstate", None) or "")
    words = str(cause).lower()
    what, fix = (
        states.get(state)
        or states.get(state[:2])
        or _STATES.get(state)
        or _STATES.get(state[:2])
        or next((found for signs, found in _WORDS if any(s in words for s in signs)), None)
        or _unnamed(cause, state)
    )
    where = None
    position = getattr(getattr(cause, "diag", None), "statement_position", None)
    if query is not None:
        offset = int(position) - 1 - before if position else -1
        inside = 0 <= offset <= len(query)
        where = f"the query, line {query.count(chr(10), 0, offset) + 1}" if inside else "the query"
    return SourceError(what.format(state=state), where=where, fix=fix.format(variable=variable))


def _unnamed(cause: Exception, state: str) -> tuple[str, str]:
    if type(cause).__name__ == "DataError" and not state:
        return (
            "a date or time lies outside the years 1 to 9999, or is infinite",
            "convert that column to text in the query",
        )
    code = f"SQLSTATE {state}" if state else type(cause).__name__
    return f"the database refuses it ({code})", "try the query with a database client"
