-- The store as version 1 made it: never edit. Every later version must be able to upgrade it.
BEGIN TRANSACTION;
CREATE TABLE cameras (
	"key" INTEGER NOT NULL, 
	id VARCHAR(64) NOT NULL, 
	name TEXT DEFAULT '' NOT NULL, 
	first_reached BIGINT, 
	reboots INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY ("key"), 
	UNIQUE (id)
);
CREATE TABLE flips (
	id INTEGER NOT NULL, 
	camera INTEGER NOT NULL, 
	axis SMALLINT NOT NULL, 
	at BIGINT NOT NULL, 
	state SMALLINT NOT NULL, 
	was SMALLINT NOT NULL, 
	decided BIGINT NOT NULL, 
	faults TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	evidence TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(camera) REFERENCES cameras ("key")
);
CREATE TABLE heartbeats (
	start BIGINT NOT NULL, 
	"end" BIGINT NOT NULL, 
	PRIMARY KEY (start)
);
CREATE TABLE memories (
	camera INTEGER NOT NULL, 
	fields TEXT NOT NULL, 
	PRIMARY KEY (camera), 
	FOREIGN KEY(camera) REFERENCES cameras ("key")
);
CREATE TABLE placements (
	camera INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	recorded BIGINT NOT NULL, 
	region TEXT, 
	class TEXT, 
	unit TEXT, 
	maintainer TEXT, 
	lifecycle TEXT, 
	upstream TEXT, 
	service_hours TEXT, 
	picture BOOLEAN, 
	author TEXT NOT NULL, 
	PRIMARY KEY (camera, at, recorded), 
	FOREIGN KEY(camera) REFERENCES cameras ("key")
)
 WITHOUT ROWID

;
CREATE TABLE regions (
	code VARCHAR(64) NOT NULL, 
	name TEXT NOT NULL, 
	level TEXT NOT NULL, 
	parent TEXT NOT NULL, 
	seen BIGINT NOT NULL, 
	PRIMARY KEY (code)
)
 WITHOUT ROWID

;
CREATE TABLE schema_versions (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "schema_versions" VALUES(1);
CREATE UNIQUE INDEX flips_of_camera ON flips (camera, axis, at, state, was, faults);
CREATE INDEX placements_by_region ON placements (region, camera);
COMMIT;
