#include "records/profile_view.h"

#include "absl/strings/str_replace.h"
#include "base/strings.h"

namespace millrace {
namespace {

// Each step is a common table expression:
//   numbered   rows in the order in which they apply, n = 1, 2, ... in each profile
//   alive      those after the last $delete
//   changes    one row for each property that an operation changes
//   checked    with the kind of the value, and whether the operation takes it
//   since_set  from the last $set or $unset of the property
//   since_first  from the first change that makes the property exist
//   lists      changes of properties that are lists
//   elements   one row for each element that is added or removed
//   counted    how many copies of the element the list has after each of these. An operation makes
//              x copies max(x + step, at_least), so that sums and maxima of windows are enough
//   kept       which insertions remain: $remove takes the first copy
//   folded     the property's value
// Conditions are 1 or 0, because not every dialect has aggregates of booleans.
constexpr char kQuery[] = R"sql(WITH stored AS (
  SELECT {ids}, operation, insert_time, {object} AS properties{columns}
  FROM {table}
), timed AS (
{timed}
), numbered AS (
  SELECT timed.*, row_number() OVER (PARTITION BY {ids}
    ORDER BY update_time, insert_time, CASE operation WHEN '$set' THEN 1 WHEN '$set_once' THEN 2
      WHEN '$add' THEN 3 WHEN '$append' THEN 4 WHEN '$union' THEN 5 WHEN '$remove' THEN 6
      WHEN '$unset' THEN 7 WHEN '$delete' THEN 8 ELSE 9 END, {properties_order}) AS n
  FROM timed
), alive AS (
  SELECT * FROM (
    SELECT numbered.*, max(CASE WHEN operation = '$delete' THEN n ELSE 0 END)
      OVER (PARTITION BY {ids}) AS deleted_n
    FROM numbered) AS marked
  WHERE n > deleted_n
), changes AS (
{changes}
), checked AS (
  SELECT typed.*, CASE WHEN operation = '$add' AND kind <> 'number'
    OR operation = '$union' AND kind <> 'array' THEN 0 ELSE 1 END AS is_valid
  FROM (SELECT changes.*, {kind} AS kind FROM changes) AS typed
), since_set AS (
  SELECT * FROM (
    SELECT checked.*, max(CASE WHEN operation IN ('$set', '$unset') THEN n ELSE 0 END)
      OVER (PARTITION BY {ids}, name) AS set_n
    FROM checked WHERE is_valid = 1) AS marked
  WHERE n >= set_n AND operation <> '$unset'
), since_first AS (
  SELECT * FROM (
    SELECT since_set.*, min(CASE WHEN operation <> '$remove' THEN n END)
      OVER (PARTITION BY {ids}, name) AS first_n
    FROM since_set) AS marked
  WHERE n >= first_n AND (operation <> '$set_once' OR n = first_n)
), described AS (
  SELECT since_first.*, CASE WHEN operation IN ('$set', '$set_once') THEN 1 ELSE 0 END AS is_base,
    max(CASE WHEN operation = '$add' THEN 1 ELSE 0 END) OVER (PARTITION BY {ids}, name) AS has_add,
    max(CASE WHEN operation IN ('$append', '$union') THEN 1 ELSE 0 END)
      OVER (PARTITION BY {ids}, name) AS has_list,
    max(CASE WHEN operation = '$remove' THEN 1 ELSE 0 END)
      OVER (PARTITION BY {ids}, name) AS has_remove,
    max(CASE WHEN operation IN ('$set', '$set_once') AND kind = 'array' THEN 1 ELSE 0 END)
      OVER (PARTITION BY {ids}, name) AS base_is_list,
    min(CASE WHEN operation IN ('$append', '$union') THEN n END)
      OVER (PARTITION BY {ids}, name) AS list_n
  FROM since_first
), lists AS (
  SELECT described.*, CASE
    WHEN kind = 'array' AND (is_base = 1 OR operation = '$union') THEN 'elements'
    WHEN kind = 'null' AND is_base = 1 THEN 'nothing'
    WHEN operation = '$remove' AND base_is_list = 0 AND n < list_n THEN 'nothing'
    ELSE 'itself' END AS adds
  FROM described
  WHERE has_add = 0 AND (has_list = 1 OR base_is_list = 1 AND has_remove = 1)
), elements AS (
{elements}
), steps AS (
  SELECT elements.*, {element_key} AS element_key,
    CASE operation WHEN '$union' THEN 0 WHEN '$remove' THEN -1 ELSE 1 END AS step,
    CASE operation WHEN '$union' THEN 1 ELSE 0 END AS at_least
  FROM elements
), summed AS (
  SELECT steps.*, sum(step) OVER (PARTITION BY {ids}, name, element_key ORDER BY n, i
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS total
  FROM steps
), counted AS (
  SELECT summed.*, total + greatest(0, max(at_least - total)
    OVER (PARTITION BY {ids}, name, element_key ORDER BY n, i
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS copies
  FROM summed
), compared AS (
  SELECT counted.*,
    last_value(copies) OVER (PARTITION BY {ids}, name, element_key ORDER BY n, i
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS kept_copies,
    lag(copies) OVER (PARTITION BY {ids}, name, element_key ORDER BY n, i) AS copies_before
  FROM counted
), inserted AS (
  SELECT compared.*, CASE WHEN step = 1 OR at_least = 1 AND coalesce(copies_before, 0) = 0
    THEN 1 ELSE 0 END AS is_insertion
  FROM compared
), kept AS (
  SELECT ranked.*, CASE WHEN i IS NOT NULL AND is_insertion = 1 AND kept_copies >= insertions_left
    THEN 1 ELSE 0 END AS is_kept
  FROM (SELECT inserted.*, sum(is_insertion)
      OVER (PARTITION BY {ids}, name, element_key ORDER BY n DESC, i DESC
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS insertions_left
    FROM inserted) AS ranked
), folded AS (
  SELECT {ids}, name, {list} AS value
  FROM kept GROUP BY {ids}, name
  UNION ALL
  SELECT {ids}, name, CASE WHEN max(has_add) = 1 THEN {sum} ELSE {base} END AS value
  FROM described WHERE has_list = 0 AND (has_add = 1 OR NOT (base_is_list = 1 AND has_remove = 1))
  GROUP BY {ids}, name
), parts AS (
  SELECT {ids}, name, value, {no_time} AS update_time, 0 AS unfolded FROM folded
  UNION ALL
  SELECT {ids}, NULL, NULL, update_time, CASE WHEN operation IN ('$set', '$set_once', '$add',
    '$append', '$union', '$remove') OR operation = '$unset' AND {has_unset_list} THEN 0 ELSE 1 END
  FROM alive
  UNION ALL
  SELECT {ids}, NULL, NULL, NULL, 1 FROM checked WHERE is_valid = 0
  UNION ALL
  SELECT {ids}, NULL, NULL, NULL, 1 FROM described WHERE has_add = 1 AND has_list = 1
)
SELECT {ids}, {properties} AS properties, max(update_time) AS update_time,
  sum(unfolded) AS unfolded_updates
FROM parts GROUP BY {ids})sql";

}  // namespace

std::string ProfileViewQuery(const ProfileSql& sql, const ProfileTable& table) {
  const std::string query =
      absl::StrReplaceAll(kQuery, {{"{timed}", ToAbsl(sql.timed)},
                                   {"{changes}", ToAbsl(sql.changes)},
                                   {"{elements}", ToAbsl(sql.elements)},
                                   {"{properties_order}", ToAbsl(sql.properties_order)},
                                   {"{kind}", ToAbsl(sql.kind)},
                                   {"{element_key}", ToAbsl(sql.element_key)},
                                   {"{list}", ToAbsl(sql.list)},
                                   {"{sum}", ToAbsl(sql.sum)},
                                   {"{base}", ToAbsl(sql.base)},
                                   {"{no_time}", ToAbsl(sql.no_time)},
                                   {"{has_unset_list}", ToAbsl(sql.has_unset_list)},
                                   {"{properties}", ToAbsl(sql.properties)}});
  return absl::StrReplaceAll(query, {{"{ids}", table.ids},
                                     {"{table}", table.table},
                                     {"{object}", table.object},
                                     {"{columns}", table.columns},
                                     {"{reserved}", table.reserved},
                                     {"{unset_name}", table.unset_name},
                                     {"{column_changes}", table.column_changes},
                                     {"{column_filter}", table.column_filter}});
}

}  // namespace millrace
