# Fit every model of cases.json with lme4 and write lme4_fits.json: the numbers that
# tests/test_models.py and tests/test_inference.py hold this book to.
#
#   cd tests/lme4 && Rscript reference.R
#
# Needs R with the packages lme4 and jsonlite.

library(lme4)
library(jsonlite)

# Two optimisers with tight tolerances; the better optimum is the reference.
controls <- list(
  lmerControl(optimizer = "bobyqa",
              optCtrl = list(rhoend = 1e-10, maxfun = 1e5), calc.derivs = FALSE),
  lmerControl(optimizer = "nloptwrap",
              optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-14, maxeval = 1e5), calc.derivs = FALSE)
)

# The interval of the hospital SD, where the model is a random intercept that is not zero.
# lme4 evaluates its profile at points and interpolates between them. With its default distance
# the lower end of a skewed profile is off by up to 2e-4; with this one two digits are gained.
sd_interval <- function(fit) {
  if (length(getME(fit, "theta")) > 1 || isSingular(fit)) return(NULL)
  fine <- profile(fit, which = "theta_", delta = 0.05)
  as.numeric(confint(fine)[1, ])
}

fit_case <- function(case) {
  data <- read.csv(file.path("data", paste0(case$data, ".csv")), stringsAsFactors = TRUE)
  formula <- as.formula(case$r_formula)
  fits <- lapply(controls, function(control)
    suppressMessages(lmer(formula, data = data, REML = case$reml, control = control)))
  fit <- fits[[which.max(sapply(fits, function(f) as.numeric(logLik(f))))]]
  list(
    id = unbox(case$id),
    fixed_effects = lapply(as.list(fixef(fit)), unbox),
    standard_errors = lapply(as.list(sqrt(diag(as.matrix(vcov(fit))))), unbox),
    log_likelihood = unbox(as.numeric(logLik(fit))),
    is_singular = unbox(isSingular(fit)),
    sd_interval = sd_interval(fit)
  )
}

cases <- fromJSON("cases.json", simplifyDataFrame = FALSE)
meta <- list(R = unbox(R.version.string), lme4 = unbox(as.character(packageVersion("lme4"))))
fits <- lapply(cases, fit_case)
write(toJSON(list(meta = meta, fits = fits), digits = NA, pretty = TRUE, null = "null"),
      "lme4_fits.json")
