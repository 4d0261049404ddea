-- The tables of Mixpanel's pipelines, as views of the tables that `millrace export` fills.
-- Replace `project.dataset` by the names of yours.
CREATE VIEW `project.dataset.mp_master_event` AS
SELECT device_id, distinct_id, event AS event_name, insert_id, properties, event_time AS time, user_id
FROM `project.dataset.events`;

-- Each export of users and identities adds a snapshot: the last one counts.
CREATE VIEW `project.dataset.mp_people_data_view` AS
SELECT distinct_id, properties
FROM `project.dataset.users`
WHERE CAST(JSON_VALUE(properties, '$.time') AS INT64) =
      (SELECT MAX(CAST(JSON_VALUE(properties, '$.time') AS INT64)) FROM `project.dataset.users`);

CREATE VIEW `project.dataset.mp_identity_mappings_data_view` AS
SELECT distinct_id, JSON_VALUE(properties, '$.resolved_distinct_id') AS resolved_distinct_id
FROM `project.dataset.identities`
WHERE CAST(JSON_VALUE(properties, '$.time') AS INT64) =
      (SELECT MAX(CAST(JSON_VALUE(properties, '$.time') AS INT64)) FROM `project.dataset.identities`);
