// What the value types of a database can hold. What does not fit is refused, never changed
// (docs/formats/records.md, "Values").
#ifndef MILLRACE_RECORDS_DIALECT_H_
#define MILLRACE_RECORDS_DIALECT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "records/table_form.h"
#include "records/table_reader.h"

namespace millrace {

struct Dialect {
  std::string_view name;  // "PostgreSQL"
  // Whether text and JSON strings may contain U+0000.
  bool takes_nul = false;
  size_t max_text_bytes = 0;
  size_t max_json_bytes = 0;
  // The range of times, in microseconds since 1970, both inclusive.
  int64_t min_time = 0;
  int64_t max_time = 0;
  // Numbers in JSON are 64-bit integers, with or without a sign, or doubles: others are refused.
  bool json_has_doubles = false;
  // Beside them, numbers without an exponent of up to so many digits.
  size_t max_json_digits = 0;
  // With json_has_doubles: integers beyond 2^63 - 1 are only taken if they are doubles.
  bool json_has_signed_only = false;
  // Of a string in JSON, and of a name.
  size_t max_json_string_bytes = SIZE_MAX;
};

// text, bigint, double precision, boolean, timestamptz and jsonb of PostgreSQL 12 and later.
inline constexpr Dialect kPostgresDialect{
    .name = "PostgreSQL",
    .takes_nul = false,
    .max_text_bytes = (size_t{1} << 30) - 5,  // a field, less its header
    .max_json_bytes = (size_t{1} << 28) - 1,  // an object or a string in a jsonb value
    .min_time = -210'866'803'200'000'000,     // 4714-11-24 BC
    .max_time = INT64_MAX,                    // beyond it: up to 294276-12-31
};

// STRING, INT64, FLOAT64, BOOL, TIMESTAMP and JSON of BigQuery. How large a row may be decides the
// request that it is sent in.
inline constexpr Dialect kBigqueryDialect{
    .name = "BigQuery",
    .takes_nul = true,
    .max_text_bytes = SIZE_MAX,
    .max_json_bytes = SIZE_MAX,
    .min_time = -62'135'596'800'000'000,  // 0001-01-01
    .max_time = 253'402'300'799'999'999,  // 9999-12-31
    .json_has_doubles = true,
};

// VARCHAR, NUMBER, FLOAT, BOOLEAN, TIMESTAMP_NTZ and VARIANT of Snowflake. Accounts may have larger
// ones; these limits hold for all. Years before 1582 are those that Snowflake advises against.
inline constexpr Dialect kSnowflakeDialect{
    .name = "Snowflake",
    .takes_nul = false,
    .max_text_bytes = size_t{16} << 20,
    .max_json_bytes = (size_t{16} << 20) - (64 << 10),  // less what a VARIANT adds
    .min_time = -12'244'089'600'000'000,                // 1582-01-01
    .max_time = 253'402'300'799'999'999,                // 9999-12-31
    .json_has_doubles = true,
    .max_json_digits = 38,
};

// VARCHAR(65535), BIGINT, DOUBLE PRECISION, BOOLEAN, TIMESTAMP and SUPER of Redshift (developer
// guide, "Data types" and "Limitations" of SUPER). The guide does not say what becomes of integers
// beyond 64 bits in JSON.
inline constexpr Dialect kRedshiftDialect{
    .name = "Redshift",
    .takes_nul = false,
    .max_text_bytes = 65'535,
    .max_json_bytes = 16'000'000,
    .min_time = -62'135'596'800'000'000,  // 0001-01-01
    .max_time = 253'402'300'799'999'999,  // 9999-12-31
    .json_has_doubles = true,
    .json_has_signed_only = true,
    .max_json_string_bytes = 65'535,
};

// Why a row cannot be stored.
struct Misfit {
  // "nul_in_text", "number_not_exact", "value_too_large", "time_out_of_range"
  std::string_view code;
  std::string field;  // the column
  std::string message;
};

// The first cell that does not fit; nullopt if the row does.
std::optional<Misfit> FindMisfit(const Dialect& dialect, const TableForm& form, TableRow row);

// The same for one JSON value: a raw or flat record, in a column called `field`.
std::optional<Misfit> FindJsonMisfit(const Dialect& dialect, std::string_view field,
                                     std::string_view json);

}  // namespace millrace

#endif  // MILLRACE_RECORDS_DIALECT_H_
