-- The tables of Mixpanel's pipelines, as views of the tables that `millrace export` fills.
CREATE VIEW mp_master_event AS
SELECT device_id, distinct_id, event AS event_name, insert_id, properties, event_time AS "time", user_id
FROM events;

CREATE VIEW mp_people_data_view AS
SELECT distinct_id, properties
FROM users;

CREATE VIEW mp_identity_mappings_data_view AS
SELECT distinct_id, properties->>'resolved_distinct_id' AS resolved_distinct_id
FROM identities;
