// Carries the precompiled headers; see MillraceTargets.cmake.
