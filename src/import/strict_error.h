// What --strict says of warnings that there is no object to refuse for.
#ifndef MILLRACE_IMPORT_STRICT_ERROR_H_
#define MILLRACE_IMPORT_STRICT_ERROR_H_

#include <string>

#include "base/strings.h"
#include "base/warnings.h"

namespace millrace {

inline std::string StrictError(const Warning& warning) {
  return StrCat(warning.object, warning.object.empty() ? "" : ": ", warning.message,
                " (a warning, which --strict makes an error)");
}

}  // namespace millrace

#endif  // MILLRACE_IMPORT_STRICT_ERROR_H_
