// The forms in which warehouses and lakes store records (docs/formats/records.md).
#ifndef MILLRACE_RECORDS_FORM_H_
#define MILLRACE_RECORDS_FORM_H_

#include <optional>
#include <string_view>

namespace millrace {

// kRaw: the record itself. kFlat: one JSON object with the properties at its top level
// (FlatWriter). kTable: the columns of a table (TableReader).
enum class Form { kRaw, kFlat, kTable };

constexpr std::string_view NameOf(Form form) {
  switch (form) {
    case Form::kRaw:
      return "raw";
    case Form::kFlat:
      return "flat";
    case Form::kTable:
      return "table";
  }
  return "";
}

// The form with this name, as in ?form=table.
constexpr std::optional<Form> FormNamed(std::string_view name) {
  for (const Form form : {Form::kRaw, Form::kFlat, Form::kTable}) {
    if (name == NameOf(form)) return form;
  }
  return std::nullopt;
}

}  // namespace millrace

#endif  // MILLRACE_RECORDS_FORM_H_
