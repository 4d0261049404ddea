// What the beginning of a text looks like.
#ifndef MILLRACE_FORMATS_CONTENT_SIGNS_H_
#define MILLRACE_FORMATS_CONTENT_SIGNS_H_

#include <optional>
#include <string>
#include <string_view>

namespace millrace {

// True for bytes that do not occur in text: control characters other than white space.
bool IsControl(char c);

// Formats that people try to import and that are not supported, by their first bytes: "an Avro file
// (convert it ...)". Magic numbers of printable characters count only if non-text bytes follow.
std::optional<std::string> FindForeignFormat(std::string_view head);

// True if `text` begins with "[" and a number: JSON without rows, or a header in brackets.
bool BeginsListOfNumbers(std::string_view text);

// True if `text`, which is not empty, begins with a JSON object or a list that may contain objects.
bool BeginsJson(std::string_view text);
// True if one of the lines of `text` after the first begins a JSON object.
bool HasLineOfJson(std::string_view text);

// If `text` begins an XML or HTML document: says what it is, with the code and message of an error
// that an object store sent instead of the data.
std::optional<std::string> DescribeMarkup(std::string_view text);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_CONTENT_SIGNS_H_
