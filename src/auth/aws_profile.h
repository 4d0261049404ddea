// The configuration files of the AWS command line: sections of name = value.
#ifndef MILLRACE_AUTH_AWS_PROFILE_H_
#define MILLRACE_AUTH_AWS_PROFILE_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/environment.h"

namespace millrace {

using AwsProfile = std::map<std::string, std::string>;  // names in lower case
using AwsProfiles = std::map<std::string, AwsProfile>;  // by name

// Adds the sections of an INI text to `profiles`; existing values are kept. In a config file a
// profile x is "[profile x]" (but [default]), in a credentials file "[x]". Nested (indented)
// settings, sections of other kinds and lines without meaning are ignored.
void AddAwsProfiles(std::string_view text, bool is_config, AwsProfiles& profiles);

// The profiles of both files, credentials first. A missing file has none; one that cannot be read
// is an error.
absl::StatusOr<AwsProfiles> LoadAwsProfiles(const Environment& environment);

}  // namespace millrace

#endif  // MILLRACE_AUTH_AWS_PROFILE_H_
