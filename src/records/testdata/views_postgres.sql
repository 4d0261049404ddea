-- events_deduped
SELECT "event", "event_time", "insert_time", "token", "device_id", "insert_id", "user_id", "distinct_id", "properties"
FROM (
  SELECT *, row_number() OVER (PARTITION BY token, event, distinct_id, event_time, insert_id
    ORDER BY insert_time DESC) AS millrace_repeat
  FROM public.events) AS numbered
WHERE millrace_repeat = 1 OR insert_id IS NULL;
-- users_current
WITH stored AS (
  SELECT token, distinct_id, operation, insert_time, CASE WHEN jsonb_typeof(properties::jsonb) = 'object' THEN properties::jsonb ELSE '{}' END AS properties
  FROM public.users
), timed AS (
  SELECT stored.*, coalesce(to_timestamp(CASE
      WHEN abs(number) < 1e11 THEN number
      WHEN abs(number) < 1e14 THEN number / 1e3
      WHEN abs(number) < 1e17 THEN number / 1e6
      ELSE number / 1e9 END), insert_time) AS update_time
  FROM stored,
    LATERAL (SELECT coalesce(properties ->> '$time', properties ->> 'time') AS sent) AS a,
    LATERAL (SELECT CASE WHEN sent ~ '^-?[0-9]{1,19}([.][0-9]{1,9})?$' THEN sent::numeric END
      AS number) AS b
), numbered AS (
  SELECT timed.*, row_number() OVER (PARTITION BY token, distinct_id
    ORDER BY update_time, insert_time, array_position(ARRAY['$set', '$set_once', '$add', '$append',
      '$union', '$remove', '$unset', '$delete'], operation), properties) AS n
  FROM timed
), alive AS (
  SELECT * FROM (
    SELECT numbered.*, max(CASE WHEN operation = '$delete' THEN n ELSE 0 END)
      OVER (PARTITION BY token, distinct_id) AS deleted_n
    FROM numbered) AS marked
  WHERE n > deleted_n
), changes AS (
  SELECT token, distinct_id, n, operation, member.key AS name, member.value
  FROM alive, jsonb_each(properties) AS member
  WHERE operation IN ('$set', '$set_once', '$add', '$append', '$union', '$remove')
    AND member.key <> operation AND member.key NOT IN ('time', '$time', 'mp_metadata', '$mp_metadata', 'ignore_time', '$ignore_time', 'ignore_alias', '$ignore_alias', 'device_id', '$device_id', 'user_id', '$user_id', 'had_persisted_distinct_id', '$had_persisted_distinct_id')
  UNION
  SELECT token, distinct_id, n, operation, member.name, NULL
  FROM alive, jsonb_array_elements_text(CASE WHEN jsonb_typeof(properties -> '$unset') = 'array'
    THEN properties -> '$unset' ELSE '[]' END) AS member(name)
  WHERE operation = '$unset'
), checked AS (
  SELECT changes.*, CASE operation WHEN '$add' THEN jsonb_typeof(value) = 'number'
    WHEN '$union' THEN jsonb_typeof(value) = 'array' ELSE true END AS is_valid
  FROM changes
), since_set AS (
  SELECT * FROM (
    SELECT checked.*, max(CASE WHEN operation IN ('$set', '$unset') THEN n ELSE 0 END)
      OVER (PARTITION BY token, distinct_id, name) AS set_n
    FROM checked WHERE is_valid) AS marked
  WHERE n >= set_n AND operation <> '$unset'
), since_first AS (
  SELECT * FROM (
    SELECT since_set.*, min(CASE WHEN operation <> '$remove' THEN n END)
      OVER (PARTITION BY token, distinct_id, name) AS first_n
    FROM since_set) AS marked
  WHERE n >= first_n AND (operation <> '$set_once' OR n = first_n)
), described AS (
  SELECT since_first.*, operation IN ('$set', '$set_once') AS is_base,
    bool_or(operation = '$add') OVER property AS has_add,
    bool_or(operation IN ('$append', '$union')) OVER property AS has_list,
    bool_or(operation = '$remove') OVER property AS has_remove,
    bool_or(operation IN ('$set', '$set_once') AND jsonb_typeof(value) = 'array') OVER property
      AS base_is_list,
    min(CASE WHEN operation IN ('$append', '$union') THEN n END) OVER property AS list_n
  FROM since_first WINDOW property AS (PARTITION BY token, distinct_id, name)
), elements AS (
  SELECT token, distinct_id, name, n, list.i, list.element,
    CASE operation WHEN '$union' THEN 0 WHEN '$remove' THEN -1 ELSE 1 END AS step,
    CASE operation WHEN '$union' THEN 1 ELSE 0 END AS at_least
  FROM described LEFT JOIN LATERAL jsonb_array_elements(CASE
      WHEN jsonb_typeof(value) = 'array' AND (is_base OR operation = '$union') THEN value
      WHEN jsonb_typeof(value) = 'null' AND is_base THEN '[]'
      WHEN operation = '$remove' AND NOT base_is_list AND n < list_n THEN '[]'
      ELSE jsonb_build_array(value) END) WITH ORDINALITY AS list(element, i) ON true
  WHERE NOT has_add AND (has_list OR base_is_list AND has_remove)
), summed AS (
  SELECT elements.*, sum(step) OVER (PARTITION BY token, distinct_id, name, element ORDER BY n, i) AS steps
  FROM elements
), counted AS (
  SELECT summed.*, steps + greatest(0, max(at_least - steps)
    OVER (PARTITION BY token, distinct_id, name, element ORDER BY n, i)) AS copies
  FROM summed
), inserted AS (
  SELECT counted.*,
    last_value(copies) OVER (copy ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
      AS kept_copies,
    CASE WHEN step = 1 OR at_least = 1 AND coalesce(lag(copies) OVER copy, 0) = 0 THEN 1 ELSE 0 END
      AS is_insertion
  FROM counted WINDOW copy AS (PARTITION BY token, distinct_id, name, element ORDER BY n, i)
), kept AS (
  SELECT inserted.*, element IS NOT NULL AND is_insertion = 1 AND kept_copies >=
    sum(is_insertion) OVER (PARTITION BY token, distinct_id, name, element ORDER BY n DESC, i DESC) AS is_kept
  FROM inserted
), folded AS (
  SELECT token, distinct_id, name,
    coalesce(jsonb_agg(element ORDER BY n, i) FILTER (WHERE is_kept), '[]') AS value
  FROM kept GROUP BY token, distinct_id, name
  UNION ALL
  SELECT token, distinct_id, name, CASE
    WHEN bool_or(has_add) THEN to_jsonb(coalesce(sum((value #>> '{}')::numeric)
      FILTER (WHERE jsonb_typeof(value) = 'number' AND operation <> '$remove'), 0))
    ELSE (array_agg(value) FILTER (WHERE is_base))[1] END
  FROM described WHERE NOT has_list AND (has_add OR NOT (base_is_list AND has_remove))
  GROUP BY token, distinct_id, name
), parts AS (
  SELECT token, distinct_id, name, value, NULL::timestamptz AS update_time, 0 AS unfolded FROM folded
  UNION ALL
  SELECT token, distinct_id, NULL, NULL, update_time, CASE WHEN operation IN ('$set', '$set_once', '$add',
    '$append', '$union', '$remove') OR operation = '$unset' AND
    jsonb_typeof(properties -> '$unset') = 'array' THEN 0 ELSE 1 END
  FROM alive
  UNION ALL
  SELECT token, distinct_id, NULL, NULL, NULL, 1 FROM checked WHERE NOT is_valid
  UNION ALL
  SELECT token, distinct_id, NULL, NULL, NULL, 1 FROM described WHERE has_add AND has_list
)
SELECT token, distinct_id,
  coalesce(jsonb_object_agg(name, value) FILTER (WHERE name IS NOT NULL), '{}') AS properties,
  max(update_time) AS update_time, sum(unfolded) AS unfolded_updates
FROM parts GROUP BY token, distinct_id;
-- groups_current
WITH stored AS (
  SELECT token, group_key, group_id, operation, insert_time, CASE WHEN jsonb_typeof(properties::jsonb) = 'object' THEN properties::jsonb ELSE '{}' END AS properties
  FROM public.groups
), timed AS (
  SELECT stored.*, coalesce(to_timestamp(CASE
      WHEN abs(number) < 1e11 THEN number
      WHEN abs(number) < 1e14 THEN number / 1e3
      WHEN abs(number) < 1e17 THEN number / 1e6
      ELSE number / 1e9 END), insert_time) AS update_time
  FROM stored,
    LATERAL (SELECT coalesce(properties ->> '$time', properties ->> 'time') AS sent) AS a,
    LATERAL (SELECT CASE WHEN sent ~ '^-?[0-9]{1,19}([.][0-9]{1,9})?$' THEN sent::numeric END
      AS number) AS b
), numbered AS (
  SELECT timed.*, row_number() OVER (PARTITION BY token, group_key, group_id
    ORDER BY update_time, insert_time, array_position(ARRAY['$set', '$set_once', '$add', '$append',
      '$union', '$remove', '$unset', '$delete'], operation), properties) AS n
  FROM timed
), alive AS (
  SELECT * FROM (
    SELECT numbered.*, max(CASE WHEN operation = '$delete' THEN n ELSE 0 END)
      OVER (PARTITION BY token, group_key, group_id) AS deleted_n
    FROM numbered) AS marked
  WHERE n > deleted_n
), changes AS (
  SELECT token, group_key, group_id, n, operation, member.key AS name, member.value
  FROM alive, jsonb_each(properties) AS member
  WHERE operation IN ('$set', '$set_once', '$add', '$append', '$union', '$remove')
    AND member.key <> operation AND member.key NOT IN ('time', '$time', 'mp_metadata', '$mp_metadata', 'ignore_time', '$ignore_time', 'ignore_alias', '$ignore_alias', 'device_id', '$device_id', 'user_id', '$user_id', 'had_persisted_distinct_id', '$had_persisted_distinct_id')
  UNION
  SELECT token, group_key, group_id, n, operation, member.name, NULL
  FROM alive, jsonb_array_elements_text(CASE WHEN jsonb_typeof(properties -> '$unset') = 'array'
    THEN properties -> '$unset' ELSE '[]' END) AS member(name)
  WHERE operation = '$unset'
), checked AS (
  SELECT changes.*, CASE operation WHEN '$add' THEN jsonb_typeof(value) = 'number'
    WHEN '$union' THEN jsonb_typeof(value) = 'array' ELSE true END AS is_valid
  FROM changes
), since_set AS (
  SELECT * FROM (
    SELECT checked.*, max(CASE WHEN operation IN ('$set', '$unset') THEN n ELSE 0 END)
      OVER (PARTITION BY token, group_key, group_id, name) AS set_n
    FROM checked WHERE is_valid) AS marked
  WHERE n >= set_n AND operation <> '$unset'
), since_first AS (
  SELECT * FROM (
    SELECT since_set.*, min(CASE WHEN operation <> '$remove' THEN n END)
      OVER (PARTITION BY token, group_key, group_id, name) AS first_n
    FROM since_set) AS marked
  WHERE n >= first_n AND (operation <> '$set_once' OR n = first_n)
), described AS (
  SELECT since_first.*, operation IN ('$set', '$set_once') AS is_base,
    bool_or(operation = '$add') OVER property AS has_add,
    bool_or(operation IN ('$append', '$union')) OVER property AS has_list,
    bool_or(operation = '$remove') OVER property AS has_remove,
    bool_or(operation IN ('$set', '$set_once') AND jsonb_typeof(value) = 'array') OVER property
      AS base_is_list,
    min(CASE WHEN operation IN ('$append', '$union') THEN n END) OVER property AS list_n
  FROM since_first WINDOW property AS (PARTITION BY token, group_key, group_id, name)
), elements AS (
  SELECT token, group_key, group_id, name, n, list.i, list.element,
    CASE operation WHEN '$union' THEN 0 WHEN '$remove' THEN -1 ELSE 1 END AS step,
    CASE operation WHEN '$union' THEN 1 ELSE 0 END AS at_least
  FROM described LEFT JOIN LATERAL jsonb_array_elements(CASE
      WHEN jsonb_typeof(value) = 'array' AND (is_base OR operation = '$union') THEN value
      WHEN jsonb_typeof(value) = 'null' AND is_base THEN '[]'
      WHEN operation = '$remove' AND NOT base_is_list AND n < list_n THEN '[]'
      ELSE jsonb_build_array(value) END) WITH ORDINALITY AS list(element, i) ON true
  WHERE NOT has_add AND (has_list OR base_is_list AND has_remove)
), summed AS (
  SELECT elements.*, sum(step) OVER (PARTITION BY token, group_key, group_id, name, element ORDER BY n, i) AS steps
  FROM elements
), counted AS (
  SELECT summed.*, steps + greatest(0, max(at_least - steps)
    OVER (PARTITION BY token, group_key, group_id, name, element ORDER BY n, i)) AS copies
  FROM summed
), inserted AS (
  SELECT counted.*,
    last_value(copies) OVER (copy ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
      AS kept_copies,
    CASE WHEN step = 1 OR at_least = 1 AND coalesce(lag(copies) OVER copy, 0) = 0 THEN 1 ELSE 0 END
      AS is_insertion
  FROM counted WINDOW copy AS (PARTITION BY token, group_key, group_id, name, element ORDER BY n, i)
), kept AS (
  SELECT inserted.*, element IS NOT NULL AND is_insertion = 1 AND kept_copies >=
    sum(is_insertion) OVER (PARTITION BY token, group_key, group_id, name, element ORDER BY n DESC, i DESC) AS is_kept
  FROM inserted
), folded AS (
  SELECT token, group_key, group_id, name,
    coalesce(jsonb_agg(element ORDER BY n, i) FILTER (WHERE is_kept), '[]') AS value
  FROM kept GROUP BY token, group_key, group_id, name
  UNION ALL
  SELECT token, group_key, group_id, name, CASE
    WHEN bool_or(has_add) THEN to_jsonb(coalesce(sum((value #>> '{}')::numeric)
      FILTER (WHERE jsonb_typeof(value) = 'number' AND operation <> '$remove'), 0))
    ELSE (array_agg(value) FILTER (WHERE is_base))[1] END
  FROM described WHERE NOT has_list AND (has_add OR NOT (base_is_list AND has_remove))
  GROUP BY token, group_key, group_id, name
), parts AS (
  SELECT token, group_key, group_id, name, value, NULL::timestamptz AS update_time, 0 AS unfolded FROM folded
  UNION ALL
  SELECT token, group_key, group_id, NULL, NULL, update_time, CASE WHEN operation IN ('$set', '$set_once', '$add',
    '$append', '$union', '$remove') OR operation = '$unset' AND
    jsonb_typeof(properties -> '$unset') = 'array' THEN 0 ELSE 1 END
  FROM alive
  UNION ALL
  SELECT token, group_key, group_id, NULL, NULL, NULL, 1 FROM checked WHERE NOT is_valid
  UNION ALL
  SELECT token, group_key, group_id, NULL, NULL, NULL, 1 FROM described WHERE has_add AND has_list
)
SELECT token, group_key, group_id,
  coalesce(jsonb_object_agg(name, value) FILTER (WHERE name IS NOT NULL), '{}') AS properties,
  max(update_time) AS update_time, sum(unfolded) AS unfolded_updates
FROM parts GROUP BY token, group_key, group_id;
