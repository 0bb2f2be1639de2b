# Write inference.json: what lmerTest, pbkrtest, lme4 and performance say about the models of
# cases.json. tests/test_degrees_of_freedom.py, test_prediction.py and test_explained.py hold this
# book to it.
#
#   cd tests/lme4 && Rscript inference.R
#
# Needs R with the packages lmerTest, pbkrtest, performance and jsonlite.

library(lmerTest)
library(jsonlite)

controls <- list(
  lmerControl(optimizer = "bobyqa",
              optCtrl = list(rhoend = 1e-10, maxfun = 1e5), calc.derivs = FALSE),
  lmerControl(optimizer = "nloptwrap",
              optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-14, maxeval = 1e5), calc.derivs = FALSE)
)

columns <- function(table) {
  named <- function(values) lapply(as.list(setNames(values, rownames(table))), unbox)
  list(se = named(table[, "Std. Error"]), df = named(table[, "df"]), p = named(table[, "Pr(>|t|)"]))
}

# Conditional modes and standard deviations, where one factor holds all random effects.
effects <- function(fit) {
  if (length(ranef(fit)) > 1) return(NULL)
  table <- as.data.frame(ranef(fit, condVar = TRUE))
  list(hospital = as.character(table$grp), effect = as.character(table$term),
       estimate = table$condval, sd = table$condsd)
}

# pbkrtest forms N x N matrices: not for thousands of rows.
MOST_ROWS <- 1300

infer_case <- function(case) {
  data <- read.csv(file.path("data", paste0(case$data, ".csv")), stringsAsFactors = TRUE)
  formula <- as.formula(case$r_formula)
  fits <- lapply(controls, function(control)
    suppressMessages(lmer(formula, data = data, REML = case$reml, control = control)))
  fit <- fits[[which.max(sapply(fits, function(f) as.numeric(logLik(f))))]]
  r2 <- suppressWarnings(performance::r2_nakagawa(fit))
  use_kr <- case$reml && nrow(data) <= MOST_ROWS
  message(case$id)
  list(
    id = unbox(case$id),
    satterthwaite = columns(coef(summary(fit))),
    kenward_roger = if (use_kr) columns(coef(summary(fit, ddf = "Kenward-Roger"))),
    effects = if (nrow(data) <= MOST_ROWS) effects(fit),
    r2 = if (is.list(r2)) list(marginal = unbox(as.numeric(r2$R2_marginal)),
                               conditional = unbox(as.numeric(r2$R2_conditional)))
  )
}

cases <- fromJSON("cases.json", simplifyDataFrame = FALSE)
version <- function(name) unbox(as.character(packageVersion(name)))
meta <- list(R = unbox(R.version.string), lme4 = version("lme4"), lmerTest = version("lmerTest"),
             pbkrtest = version("pbkrtest"), performance = version("performance"))
write(toJSON(list(meta = meta, cases = lapply(cases, infer_case)), digits = I(17), null = "null",
             na = "null"),
      "inference.json")
