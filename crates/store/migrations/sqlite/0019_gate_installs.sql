-- The installs that a gate for a user waits for: one on each device of the person. The gate of a device has its only one in
-- gates.install_id.
CREATE TABLE gate_installs (
    gate_id INTEGER NOT NULL,
    install_id INTEGER NOT NULL,
    PRIMARY KEY (gate_id, install_id)
);

CREATE INDEX gate_installs_by_install ON gate_installs (install_id);
