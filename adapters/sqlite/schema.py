"""The tables, in SQL."""

from __future__ import annotations

# Nearly all rows are of a bridge, and are found as fast without an index: it holds the others. Written with
# OR, since SQLite does not use a partial index with IN or <> for `device_type = 'alexa_aqm'`.
CREATE_RARE_KINDS_INDEX = """
CREATE INDEX idx_readings_device_type ON readings (device_type)
WHERE device_type = 'alexa_aqm' OR device_type = 'nest_thermostat' OR device_type = 'weather_api'
"""

# The table of the earlier program, except that the temperature may be NULL. The migrations add later columns,
# to old and new databases alike.
CREATE_READINGS = (
    """
CREATE TABLE readings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp DATETIME NOT NULL,
    device_id TEXT NOT NULL,
    temperature_celsius REAL,
    location TEXT NOT NULL,
    device_type TEXT NOT NULL
        CHECK (device_type IN ('hue_sensor', 'nest_thermostat', 'weather_api', 'alexa_aqm')),
    is_anomalous BOOLEAN DEFAULT 0,
    humidity_percent REAL CHECK (humidity_percent IS NULL OR humidity_percent BETWEEN 0 AND 100),
    pm25_ugm3 REAL CHECK (pm25_ugm3 IS NULL OR pm25_ugm3 >= 0),
    voc_ppb REAL CHECK (voc_ppb IS NULL OR voc_ppb >= 0),
    co_ppm REAL CHECK (co_ppm IS NULL OR co_ppm >= 0),
    co2_ppm REAL CHECK (co2_ppm IS NULL OR co2_ppm >= 0),
    iaq_score REAL CHECK (iaq_score IS NULL OR iaq_score BETWEEN 0 AND 100),
    battery_level INTEGER CHECK (battery_level IS NULL OR battery_level BETWEEN 0 AND 100),
    signal_strength INTEGER CHECK (signal_strength IS NULL OR signal_strength BETWEEN 0 AND 100),
    thermostat_mode TEXT
        CHECK (thermostat_mode IS NULL OR thermostat_mode IN ('heating', 'cooling', 'off', 'away')),
    thermostat_state TEXT CHECK (thermostat_state IS NULL OR thermostat_state IN ('active', 'idle')),
    day_night TEXT CHECK (day_night IS NULL OR day_night IN ('day', 'night')),
    weather_conditions TEXT,
    raw_response TEXT,
    created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (device_id, timestamp),
    CHECK (temperature_celsius BETWEEN -40 AND 50)
)
""",
    "CREATE INDEX idx_readings_timestamp ON readings (timestamp)",
    "CREATE INDEX idx_readings_location ON readings (location)",
    CREATE_RARE_KINDS_INDEX,
    "CREATE INDEX idx_readings_anomalous ON readings (is_anomalous) WHERE is_anomalous = 1",
)

# The statement that adds each column where it is missing.
ADD_COLUMNS = {
    "is_anomalous": "ALTER TABLE readings ADD COLUMN is_anomalous BOOLEAN DEFAULT 0",
    "pm25_ugm3": "ALTER TABLE readings ADD COLUMN pm25_ugm3 REAL CHECK (pm25_ugm3 IS NULL OR pm25_ugm3 >= 0)",
    "voc_ppb": "ALTER TABLE readings ADD COLUMN voc_ppb REAL CHECK (voc_ppb IS NULL OR voc_ppb >= 0)",
    "co_ppm": "ALTER TABLE readings ADD COLUMN co_ppm REAL CHECK (co_ppm IS NULL OR co_ppm >= 0)",
    "co2_ppm": "ALTER TABLE readings ADD COLUMN co2_ppm REAL CHECK (co2_ppm IS NULL OR co2_ppm >= 0)",
    "iaq_score": (
        "ALTER TABLE readings ADD COLUMN iaq_score REAL "
        "CHECK (iaq_score IS NULL OR iaq_score BETWEEN 0 AND 100)"
    ),
    "observed_at": "ALTER TABLE readings ADD COLUMN observed_at TEXT",
    "pm10_ugm3": "ALTER TABLE readings ADD COLUMN pm10_ugm3 REAL CHECK (pm10_ugm3 IS NULL OR pm10_ugm3 >= 0)",
    "other_values": "ALTER TABLE readings ADD COLUMN other_values TEXT",
}

# What a `readings` table of any age has.
# fmt: off
REQUIRED_COLUMNS = frozenset({
    "id", "timestamp", "device_id", "temperature_celsius", "location", "device_type",
    "humidity_percent", "battery_level", "signal_strength", "raw_response", "created_at",
})
# fmt: on

CREATE_OUTCOMES = """
CREATE TABLE outcomes (
    source TEXT NOT NULL,
    slot TEXT NOT NULL,
    interval_s INTEGER NOT NULL,
    scheduled INTEGER NOT NULL CHECK (scheduled IN (0, 1)),
    state TEXT NOT NULL CHECK (state IN ('stored', 'failed', 'deferred', 'missed')),
    cause TEXT,
    detail TEXT,
    readings INTEGER NOT NULL DEFAULT 0,
    unread TEXT,
    until TEXT,
    notes TEXT,
    PRIMARY KEY (source, slot)
) WITHOUT ROWID
"""

CREATE_DEVICES = """
CREATE TABLE devices (
    device_id TEXT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    location TEXT NOT NULL,
    first_slot TEXT NOT NULL,
    last_read_slot TEXT NOT NULL,
    last_listed_slot TEXT NOT NULL
) WITHOUT ROWID
"""

# `number` counts measurements that began at one instant; the key begins with the time, so that the old ones
# are neighbours and are deleted cheaply.
CREATE_MEASUREMENTS = """
CREATE TABLE measurements (
    began_at TEXT NOT NULL,
    operation TEXT NOT NULL,
    source TEXT NOT NULL,
    number INTEGER NOT NULL,
    duration_s REAL NOT NULL,
    wire_bytes INTEGER NOT NULL,
    payload_bytes INTEGER NOT NULL,
    succeeded INTEGER NOT NULL CHECK (succeeded IN (0, 1)),
    PRIMARY KEY (began_at, operation, source, number)
) WITHOUT ROWID
"""

CREATE_PROPERTIES = """
CREATE TABLE properties (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID
"""

# The checksum of each run of readings that were stored together.
CREATE_CHECKSUMS = """
CREATE TABLE checksums (
    first_id INTEGER NOT NULL PRIMARY KEY,
    last_id INTEGER NOT NULL,
    readings INTEGER NOT NULL,
    crc INTEGER NOT NULL
)
"""

# The checksum of each row of the ledger. In the other tables it stays NULL: format 4 promises the column to
# earlier versions, which cannot store a cycle without it.
ADD_CRC_COLUMNS = tuple(
    f"ALTER TABLE {table} ADD COLUMN crc INTEGER"
    for table in ("outcomes", "devices", "measurements", "properties")
)

# Made with the first baseline that is kept. `content` is JSON: what it was measured on, and the samples.
CREATE_BASELINES = """
CREATE TABLE IF NOT EXISTS baselines (
    name TEXT NOT NULL PRIMARY KEY,
    captured_at TEXT NOT NULL,
    content TEXT NOT NULL,
    crc INTEGER
) WITHOUT ROWID
"""

# Readings without a temperature: `readings` of an earlier home refuses them, and the queries of its people
# count on a temperature in each row. The columns of `readings` come first, in the order of a checksum.
CREATE_AIR_READINGS = (
    """
CREATE TABLE air_readings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp DATETIME NOT NULL,
    device_id TEXT NOT NULL,
    temperature_celsius REAL CHECK (temperature_celsius IS NULL),
    location TEXT NOT NULL,
    device_type TEXT NOT NULL,
    is_anomalous BOOLEAN,
    humidity_percent REAL CHECK (humidity_percent IS NULL OR humidity_percent BETWEEN 0 AND 100),
    pm25_ugm3 REAL CHECK (pm25_ugm3 IS NULL OR pm25_ugm3 >= 0),
    voc_ppb REAL CHECK (voc_ppb IS NULL OR voc_ppb >= 0),
    co_ppm REAL CHECK (co_ppm IS NULL OR co_ppm >= 0),
    co2_ppm REAL CHECK (co2_ppm IS NULL OR co2_ppm >= 0),
    iaq_score REAL CHECK (iaq_score IS NULL OR iaq_score BETWEEN 0 AND 100),
    battery_level INTEGER,
    signal_strength INTEGER,
    thermostat_mode TEXT,
    thermostat_state TEXT,
    day_night TEXT,
    weather_conditions TEXT,
    raw_response TEXT,
    created_at DATETIME NOT NULL,
    observed_at TEXT,
    pm10_ugm3 REAL CHECK (pm10_ugm3 IS NULL OR pm10_ugm3 >= 0),
    other_values TEXT,
    name TEXT,
    crc INTEGER NOT NULL,
    UNIQUE (device_id, timestamp)
)
""",
    "CREATE INDEX idx_air_readings_timestamp ON air_readings (timestamp)",
)
# Made with the first setting of a device. A row is a change and stays: the newest of a device and setting is
# in effect. `setting` is name, outdoor, offset.temperature and so on; `value` is JSON, and NULL where the
# setting was taken away.
CREATE_DEVICE_SETTINGS = """
CREATE TABLE IF NOT EXISTS device_settings (
    device_id TEXT NOT NULL,
    setting TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    value TEXT,
    PRIMARY KEY (device_id, setting, changed_at)
) WITHOUT ROWID
"""

OUR_TABLES = frozenset({"readings", "outcomes", "devices", "measurements", "properties"})
OUR_TABLES_NOW = OUR_TABLES | {"checksums"}
LATER_TABLES = frozenset({"air_readings"})  # of format 4 too, made where it is missing
