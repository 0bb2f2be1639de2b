# One R process for all of bench.py: reads a line "file N J slope times", fits, and answers
# "lmer refit log-likelihood megabytes": CPU seconds a fit by R's own clock, and peak memory.

suppressMessages(library(lme4))
options(warn = -1)
quiet <- lmerControl(calc.derivs = FALSE, check.conv.singular = .makeCC("ignore", tol = 1e-4))

cpu <- function(times, run) {
  before <- proc.time()
  for (i in seq_len(times)) run()
  sum((proc.time() - before)[c("user.self", "sys.self")]) / times
}

input <- file("stdin", "r")
while (length(line <- readLines(input, 1)) > 0) {
  words <- strsplit(line, " ")[[1]]
  n <- as.integer(words[2])
  values <- matrix(readBin(words[1], "double", 3 * n), n)
  data <- data.frame(y = values[, 1], x = values[, 2], g = factor(values[, 3]))
  formula <- if (words[4] == "slope") y ~ x + (x | g) else y ~ x + (1 | g)
  times <- as.integer(words[5])
  start <- gc(reset = TRUE, full = TRUE)
  fit <- lmer(formula, data, control = quiet)
  peak <- sum(gc()[, 6]) - sum(start[, 2])
  fresh <- cpu(times, function() lmer(formula, data, control = quiet))
  again <- cpu(times, function() refit(fit, data$y, control = quiet))
  cat(fresh, again, format(as.numeric(logLik(fit)), digits = 15), peak, "\n")
}
