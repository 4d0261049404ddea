// The structure of JSON text: simdjson's first stage, which finds the brackets, commas, colons and
// the beginnings of strings and scalars, and also checks UTF-8 and control characters. It selects
// the machine's best instructions when the program starts, unlike simdjson's on-demand parser,
// which is compiled for one instruction set.
#ifndef MILLRACE_FORMATS_JSON_INDEX_H_
#define MILLRACE_FORMATS_JSON_INDEX_H_

#include <cstdint>
#include <memory>
#include <string_view>

namespace millrace {

// One thread at a time; keeps its memory.
class JsonIndex {
 public:
  JsonIndex();
  ~JsonIndex();

  // kBrokenString: a string is not closed, or contains an unescaped control character.
  enum class Result { kOk, kNotUtf8, kBrokenString };

  // Indexes `text`, which is not blank and below 4 GiB.
  Result Index(std::string_view text);

  // After kOk: the offsets in the text, ascending, followed by two that equal its size.
  const uint32_t* positions() const { return positions_; }

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
  const uint32_t* positions_ = nullptr;
};

}  // namespace millrace

#endif  // MILLRACE_FORMATS_JSON_INDEX_H_
