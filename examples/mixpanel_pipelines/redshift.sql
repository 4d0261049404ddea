-- The tables of Mixpanel's pipelines, as views of the tables that `millrace export` fills.
CREATE VIEW mp_master_event AS
SELECT device_id, distinct_id, event AS event_name, insert_id, properties, event_time AS "time", user_id
FROM events;

-- Each export of users and identities adds a snapshot: the last one counts.
CREATE VIEW mp_people_data_view AS
SELECT distinct_id, properties
FROM users
WHERE properties."time"::bigint = (SELECT max(properties."time"::bigint) FROM users);

CREATE VIEW mp_identity_mappings_data_view AS
SELECT distinct_id, properties.resolved_distinct_id::varchar AS resolved_distinct_id
FROM identities
WHERE properties."time"::bigint = (SELECT max(properties."time"::bigint) FROM identities);
