// The query that folds updates of profiles, and what each dialect has in it.
#ifndef MILLRACE_RECORDS_PROFILE_VIEW_H_
#define MILLRACE_RECORDS_PROFILE_VIEW_H_

#include <string>
#include <string_view>

namespace millrace {

// SQL of a dialect. {ids}, {reserved}, {unset_name} and {column_changes} in it are replaced too.
struct ProfileSql {
  // Queries, without WITH.
  std::string_view timed;     // `stored` and update_time
  std::string_view changes;   // of `alive`: {ids}, n, operation, name and value
  std::string_view elements;  // of `lists`: {ids}, name, n, operation, i and element; each update
                              // of a property has a row at least, without i if it has no elements
  // Expressions.
  std::string_view properties_order;  // of properties: by which updates of one time are ordered
  std::string_view kind;              // of value: 'number', 'array', 'null' or another text
  std::string_view element_key;       // equal for equal elements
  std::string_view list;              // the kept elements of a group, by n and i
  std::string_view sum;               // the numbers of a group
  std::string_view base;              // the value of a group that has is_base
  std::string_view no_time;           // NULL, as update_time is
  std::string_view has_unset_list;    // whether properties have a list under $unset
  std::string_view properties;        // the object of all names and values of a group
};
extern const ProfileSql kPostgresProfileSql;
extern const ProfileSql kBigQueryProfileSql;
extern const ProfileSql kSnowflakeProfileSql;

// Of one table.
struct ProfileTable {
  std::string ids;             // the columns that name a profile, with commas
  std::string table;           // quoted
  std::string object;          // an expression: `properties`, or an empty object if it is none
  std::string columns;         // of the table, which `changes` reads: ", a AS b"
  std::string reserved;        // texts that are no names of properties, with commas
  std::string unset_name;      // an expression: the name that `member` of $unset is
  std::string column_changes;  // to be added to `changes`, beginning with UNION ALL
  std::string column_filter;   // conditions on `alive` and `name` in it, beginning with AND
};

std::string ProfileViewQuery(const ProfileSql& sql, const ProfileTable& table);

}  // namespace millrace

#endif  // MILLRACE_RECORDS_PROFILE_VIEW_H_
