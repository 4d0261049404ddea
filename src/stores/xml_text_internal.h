// XML of answers, parsed by pugixml, which resolves no entity but the five of XML and loads
// nothing.
#ifndef MILLRACE_STORES_XML_TEXT_INTERNAL_H_
#define MILLRACE_STORES_XML_TEXT_INTERNAL_H_

#include <pugixml.hpp>
#include <string_view>

namespace millrace {

// False if `xml` is not whole. Blanks and line ends of texts are kept: keys may have them.
inline bool ParseXml(std::string_view xml, pugi::xml_document& document) {
  constexpr unsigned kFlags =
      pugi::parse_escapes | pugi::parse_cdata | pugi::parse_ws_pcdata_single;
  return static_cast<bool>(
      document.load_buffer(xml.data(), xml.size(), kFlags, pugi::encoding_utf8));
}

}  // namespace millrace

#endif  // MILLRACE_STORES_XML_TEXT_INTERNAL_H_
