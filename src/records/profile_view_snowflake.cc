#include "records/profile_view.h"

namespace millrace {

// Values are compared and collected as their text: aggregates leave out NULL, and a JSON null is
// not one in every context.
const ProfileSql kSnowflakeProfileSql = {
    .timed = R"sql(  SELECT texts.*, COALESCE(TO_TIMESTAMP_NTZ(CASE
      WHEN sent_number BETWEEN -62135596800 AND 99999999999 THEN sent_number * 1000000
      WHEN ABS(sent_number) < 100000000000 THEN NULL
      WHEN ABS(sent_number) < 100000000000000 THEN sent_number * 1000
      WHEN ABS(sent_number) < 100000000000000000 THEN sent_number
      ELSE sent_number / 1000 END::NUMBER(38, 0), 6), insert_time::TIMESTAMP_NTZ) AS update_time
  FROM (SELECT stored.*, TRY_TO_NUMBER(IFF(REGEXP_LIKE(
          COALESCE(properties:"$time", properties:"time")::VARCHAR,
          '-?[0-9]{1,19}([.][0-9]{1,9})?'),
        COALESCE(properties:"$time", properties:"time")::VARCHAR, NULL), 38, 9) AS sent_number
    FROM stored) AS texts)sql",
    .changes = R"sql(  SELECT {ids}, n, operation, member.key AS name, member.value AS value
  FROM alive, LATERAL FLATTEN(INPUT => properties) AS member
  WHERE operation IN ('$set', '$set_once', '$add', '$append', '$union', '$remove')
    AND member.key <> operation AND member.key NOT IN ({reserved}){column_filter}{column_changes}
  UNION ALL
  SELECT {ids}, n, operation, name, NULL
  FROM (SELECT DISTINCT {ids}, n, operation, {unset_name} AS name
    FROM alive, LATERAL FLATTEN(INPUT => properties:"$unset") AS member
    WHERE operation = '$unset' AND STARTSWITH(TO_JSON(properties:"$unset"), '[')) AS unset)sql",
    .elements = R"sql(  SELECT {ids}, name, n, operation, list.index AS i, list.value AS element
  FROM lists, LATERAL FLATTEN(
    INPUT => IFF(adds = 'elements', lists.value, ARRAY_CONSTRUCT(lists.value))) AS list
  WHERE adds <> 'nothing'
  UNION ALL
  SELECT {ids}, name, n, operation, NULL, NULL FROM lists)sql",
    .properties_order = R"sql(TO_JSON(properties))sql",
    .kind = R"sql(CASE COALESCE(SUBSTR(TO_JSON(value), 1, 1), 'n') WHEN '[' THEN 'array'
    WHEN 'n' THEN 'null' WHEN '{' THEN 'object' WHEN '"' THEN 'text' WHEN 't' THEN 'boolean'
    WHEN 'f' THEN 'boolean' ELSE 'number' END)sql",
    .element_key = R"sql(CASE WHEN i IS NULL THEN NULL
    WHEN REGEXP_LIKE(TO_JSON(element), '-?[0-9].*') THEN (element::FLOAT)::VARCHAR
    ELSE COALESCE(TO_JSON(element), 'null') END)sql",
    .list = R"sql(PARSE_JSON('[' || COALESCE(LISTAGG(
    IFF(is_kept = 1, COALESCE(TO_JSON(element), 'null'), NULL), ',')
    WITHIN GROUP (ORDER BY n, i), '') || ']'))sql",
    .sum = R"sql(IFF(
    SUM(IFF(kind = 'number' AND operation <> '$remove', value::FLOAT, 0)) = FLOOR(SUM(IFF(kind = 'number' AND operation <> '$remove', value::FLOAT, 0)))
      AND ABS(SUM(IFF(kind = 'number' AND operation <> '$remove', value::FLOAT, 0))) < 1e15,
    TO_VARIANT(SUM(IFF(kind = 'number' AND operation <> '$remove', value::FLOAT, 0))::NUMBER(38, 0)),
    TO_VARIANT(SUM(IFF(kind = 'number' AND operation <> '$remove', value::FLOAT, 0)))))sql",
    .base = R"sql(PARSE_JSON(MAX(IFF(is_base = 1, COALESCE(TO_JSON(value), 'null'), NULL))))sql",
    .no_time = R"sql(NULL::TIMESTAMP_NTZ)sql",
    .has_unset_list = R"sql(STARTSWITH(TO_JSON(properties:"$unset"), '['))sql",
    .properties = R"sql(PARSE_JSON('{' || COALESCE(LISTAGG(
    TO_JSON(TO_VARIANT(name)) || ':' || COALESCE(TO_JSON(value), 'null'), ','), '') || '}'))sql",
};

}  // namespace millrace
