// The query that folds updates of profiles, as a template for each dialect.
#ifndef MILLRACE_RECORDS_PROFILE_VIEW_H_
#define MILLRACE_RECORDS_PROFILE_VIEW_H_

namespace millrace {

// To be replaced: {table}, {ids} (the columns that name a profile, with commas), {object} (an
// expression that adds the requested columns to the object `properties`), {reserved} (texts that
// are no names of properties, with commas).
//
// Each step is a common table expression:
//   numbered   rows in the order in which they apply, n = 1, 2, ... in each profile
//   alive      those after the last $delete
//   changes    one row for each property that an operation changes
//   valid      without values that the operation does not take
//   since_set  from the last $set or $unset of the property
//   since_first  from the first change that makes the property exist
//   elements   of lists: one row for each element that is added or removed
//   counted    how many copies of the element the list has after each of these. An operation makes
//              x copies max(x + step, at_least), so that sums and maxima of windows are enough
//   kept       which insertions remain: $remove takes the first copy
//   folded     the property's value
extern const char kPostgresProfileView[];

}  // namespace millrace

#endif  // MILLRACE_RECORDS_PROFILE_VIEW_H_
