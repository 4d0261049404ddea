// gzip of a body that is made piece by piece, as one member: HTTP clients do not all read several.
#ifndef MILLRACE_IO_GZIP_STREAM_H_
#define MILLRACE_IO_GZIP_STREAM_H_

#include <memory>
#include <string>
#include <string_view>

namespace millrace {

// One body; one thread at a time.
class GzipStream {
 public:
  GzipStream();
  ~GzipStream();
  // Appends to `out` what `plain` adds to the compressed bytes, which may be nothing yet.
  void Write(std::string_view plain, std::string* out);
  // Appends the rest. Nothing may be written after it.
  void Finish(std::string* out);

 private:
  struct State;
  void Deflate(std::string_view plain, bool end, std::string* out);
  std::unique_ptr<State> state_;
};

}  // namespace millrace

#endif  // MILLRACE_IO_GZIP_STREAM_H_
