// Offset tokens of channels: which source rows of an object a channel has delivered. Snowflake
// commits the token of an append together with its rows.
//
//   token    = "m1." config "." [ checks "." ] ranges
//   config   = 8 hex digits               a hash of the config that made the rows
//   checks   = "~" 8 hex digits           see `all_valid`
//   ranges   = [ range *( "," range ) ]   ascending, apart
//   range    = row [ "-" row ]            the first row, and the end, which is not in it; alone:
//   one row
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_OFFSET_TOKEN_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_OFFSET_TOKEN_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/row_ranges.h"

namespace millrace::snowflake {

// The longest token that FormatOffsetToken() makes. It is a parameter of a URL.
inline constexpr size_t kMaxOffsetToken = 2000;

struct OffsetToken {
  std::string config;
  // False: all of `rows` are there. True: those that pass the checks of rows before they are sent
  // are there, and the others were refused.
  bool all_valid = false;
  std::string checks;  // a hash of the checks, if `all_valid`
  RowRanges rows;
};

// 8 hex digits.
std::string ShortHash(std::string_view text);

// The token of a channel that has settled `settled` except for `refused`. If it would be too long
// because of many refused rows, they are not left out, and `all_valid` says so. If it still would
// be, it lacks the first rows.
std::string FormatOffsetToken(std::string_view config, std::string_view checks,
                              const RowRanges& settled, const RowRanges& refused,
                              size_t max_bytes = kMaxOffsetToken);

// Nullopt: not such a token.
std::optional<OffsetToken> ParseOffsetToken(std::string_view text);

// The rows of `from` that are not in `without`.
RowRanges Subtract(const RowRanges& from, const RowRanges& without);
// Whether all rows of `rows` are in `in`.
bool Covers(const RowRanges& in, const RowRanges& rows);

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_OFFSET_TOKEN_H_
