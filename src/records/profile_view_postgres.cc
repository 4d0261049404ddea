#include "records/profile_view.h"

namespace millrace {

// PostgreSQL 12 and later.
const ProfileSql kPostgresProfileSql = {
    .timed = R"sql(  SELECT stored.*, coalesce(to_timestamp(CASE
      WHEN abs(number) < 1e11 THEN number
      WHEN abs(number) < 1e14 THEN number / 1e3
      WHEN abs(number) < 1e17 THEN number / 1e6
      ELSE number / 1e9 END), insert_time) AS update_time
  FROM stored,
    LATERAL (SELECT coalesce(properties ->> '$time', properties ->> 'time') AS sent) AS a,
    LATERAL (SELECT CASE WHEN sent ~ '^-?[0-9]{1,19}([.][0-9]{1,9})?$' THEN sent::numeric END
      AS number) AS b)sql",
    .changes = R"sql(  SELECT {ids}, n, operation, member.key AS name, member.value
  FROM alive, jsonb_each(properties) AS member
  WHERE operation IN ('$set', '$set_once', '$add', '$append', '$union', '$remove')
    AND member.key <> operation AND member.key NOT IN ({reserved})
  UNION
  SELECT {ids}, n, operation, {unset_name}, NULL
  FROM alive, jsonb_array_elements_text(CASE WHEN jsonb_typeof(properties -> '$unset') = 'array'
    THEN properties -> '$unset' ELSE '[]' END) AS member(name)
  WHERE operation = '$unset')sql",
    .elements = R"sql(  SELECT {ids}, name, n, operation, list.i, list.element
  FROM lists LEFT JOIN LATERAL jsonb_array_elements(CASE adds WHEN 'elements' THEN value
    WHEN 'nothing' THEN '[]' ELSE jsonb_build_array(value) END)
    WITH ORDINALITY AS list(element, i) ON true)sql",
    .properties_order = R"sql(properties)sql",
    .kind = R"sql(jsonb_typeof(value))sql",
    .element_key = R"sql(element)sql",
    .list = R"sql(coalesce(jsonb_agg(element ORDER BY n, i) FILTER (WHERE is_kept = 1), '[]'))sql",
    .sum = R"sql(to_jsonb(coalesce(sum((value #>> '{}')::numeric)
      FILTER (WHERE kind = 'number' AND operation <> '$remove'), 0)))sql",
    .base = R"sql((array_agg(value) FILTER (WHERE is_base = 1))[1])sql",
    .no_time = R"sql(NULL::timestamptz)sql",
    .has_unset_list = R"sql(jsonb_typeof(properties -> '$unset') = 'array')sql",
    .properties =
        R"sql(coalesce(jsonb_object_agg(name, value) FILTER (WHERE name IS NOT NULL), '{}'))sql",
};

}  // namespace millrace
