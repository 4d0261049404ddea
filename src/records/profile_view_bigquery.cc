#include "records/profile_view.h"

namespace millrace {

// JSON has no order and cannot be grouped there, so values are compared and collected as their
// text. JSON_KEYS() quotes names that have other characters than letters, digits and _.
const ProfileSql kBigQueryProfileSql = {
    .timed = R"sql(  SELECT * EXCEPT (sent, sent_number), COALESCE(TIMESTAMP_MICROS(CAST(CASE
      WHEN sent_number BETWEEN -62135596800 AND 99999999999 THEN sent_number * 1000000
      WHEN ABS(sent_number) < 100000000000 THEN NULL
      WHEN ABS(sent_number) < 100000000000000 THEN sent_number * 1000
      WHEN ABS(sent_number) < 100000000000000000 THEN sent_number
      ELSE sent_number / 1000 END AS INT64)), insert_time) AS update_time
  FROM (SELECT *, IF(REGEXP_CONTAINS(sent, r'^-?[0-9]{1,19}([.][0-9]{1,9})?$'),
        SAFE_CAST(sent AS BIGNUMERIC), NULL) AS sent_number
    FROM (SELECT *, COALESCE(JSON_VALUE(properties['$time']), JSON_VALUE(properties['time']))
        AS sent
      FROM stored) AS texts) AS numbers)sql",
    .changes = R"sql(  SELECT {ids}, n, operation, name, properties[name] AS value
  FROM (SELECT alive.*,
      IF(STARTS_WITH(member, '"'), JSON_VALUE(SAFE.PARSE_JSON(member)), member) AS name
    FROM alive CROSS JOIN UNNEST(JSON_KEYS(properties, 1)) AS member
    WHERE operation IN ('$set', '$set_once', '$add', '$append', '$union', '$remove')) AS named
  WHERE name <> operation AND name NOT IN ({reserved}){column_filter}{column_changes}
  UNION ALL
  SELECT {ids}, n, operation, name, CAST(NULL AS JSON)
  FROM (SELECT DISTINCT {ids}, n, operation, {unset_name} AS name
    FROM alive CROSS JOIN UNNEST(JSON_QUERY_ARRAY(properties['$unset'])) AS member
    WHERE operation = '$unset') AS unset)sql",
    .elements = R"sql(  SELECT {ids}, name, n, operation, position AS i, element
  FROM lists LEFT JOIN UNNEST(JSON_QUERY_ARRAY(PARSE_JSON(CASE adds
    WHEN 'elements' THEN TO_JSON_STRING(value) WHEN 'nothing' THEN '[]'
    ELSE CONCAT('[', TO_JSON_STRING(value), ']') END))) AS element WITH OFFSET AS position ON TRUE)sql",
    .properties_order = R"sql(TO_JSON_STRING(properties))sql",
    .kind = R"sql(CASE SUBSTR(TO_JSON_STRING(value), 1, 1) WHEN '[' THEN 'array'
    WHEN 'n' THEN 'null' WHEN '{' THEN 'object' WHEN '"' THEN 'text' WHEN 't' THEN 'boolean'
    WHEN 'f' THEN 'boolean' ELSE 'number' END)sql",
    .element_key = R"sql(COALESCE(CAST(SAFE_CAST(IF(REGEXP_CONTAINS(
      TO_JSON_STRING(element), r'^-?[0-9]'), JSON_VALUE(element), NULL) AS FLOAT64) AS STRING),
    TO_JSON_STRING(element)))sql",
    .list = R"sql(PARSE_JSON(CONCAT('[', COALESCE(STRING_AGG(
    IF(is_kept = 1, TO_JSON_STRING(element), NULL), ',' ORDER BY n, i), ''), ']')))sql",
    .sum = R"sql(TO_JSON(COALESCE(SUM(
    IF(kind = 'number' AND operation <> '$remove', SAFE_CAST(JSON_VALUE(value) AS FLOAT64), 0)), 0)))sql",
    .base = R"sql(PARSE_JSON(MAX(IF(is_base = 1, TO_JSON_STRING(value), NULL))))sql",
    .no_time = R"sql(CAST(NULL AS TIMESTAMP))sql",
    .has_unset_list = R"sql(STARTS_WITH(TO_JSON_STRING(properties['$unset']), '['))sql",
    .properties = R"sql(PARSE_JSON(CONCAT('{', COALESCE(STRING_AGG(IF(name IS NULL, NULL,
    CONCAT(TO_JSON_STRING(name), ':', TO_JSON_STRING(value))), ','), ''), '}')))sql",
};

}  // namespace millrace
