# millrace_embed_text(<target> <file> <header> <function>)
# Compiles the content of <file> into <target> as the std::string_view that <function>, declared in
# <header>, returns. Run as a script it writes that source.
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ "${INPUT}" text)
  string(REGEX REPLACE "^(.*)::([^:]+)$" "\\1;\\2" parts "${FUNCTION}")
  list(GET parts 0 namespace)
  list(GET parts 1 name)
  file(WRITE "${OUTPUT}" "#include \"${HEADER}\"\n\nnamespace ${namespace} {\n\n"
       "std::string_view ${name}() {\n  return R\"embedded(${text})embedded\";\n}\n\n}\n")
  return()
endif()

function(millrace_embed_text target input header function)
  get_filename_component(name "${input}" NAME_WE)
  set(output "${CMAKE_CURRENT_BINARY_DIR}/${target}_${name}.cc")
  add_custom_command(
    OUTPUT "${output}"
    COMMAND "${CMAKE_COMMAND}" "-DINPUT=${input}" "-DOUTPUT=${output}" "-DHEADER=${header}"
            "-DFUNCTION=${function}" -P "${CMAKE_SOURCE_DIR}/cmake/EmbedText.cmake"
    DEPENDS "${input}" "${CMAKE_SOURCE_DIR}/cmake/EmbedText.cmake"
    VERBATIM)
  target_sources(${target} PRIVATE "${output}")
endfunction()
