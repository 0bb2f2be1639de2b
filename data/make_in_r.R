# Ask R's lme4 about the book's data: Rscript data/make_in_r.R > data/in_r.json
# Only for making the numbers of the "In R" tabs; the book itself never needs R.
suppressPackageStartupMessages(library(lme4))

args <- commandArgs()
here <- dirname(sub("--file=", "", grep("--file=", args, value = TRUE)))
three <- read.csv(file.path(here, "hospitals_3.csv"))
forty <- read.csv(file.path(here, "hospitals_40.csv"))
unbalanced <- read.csv(file.path(here, "hospitals_40_unbalanced.csv"))
pupils <- read.csv(file.path(here, "pupils.csv"))
three$sev_mean <- ave(three$symptom_severity, three$hospital)
three$sev_within <- three$symptom_severity - three$sev_mean
forty$sev_mean <- ave(forty$symptom_severity, forty$hospital)
forty$sev_within <- forty$symptom_severity - forty$sev_mean
pupils$ses_mean <- ave(pupils$ses, pupils$school)
pupils$ses_within <- pupils$ses - pupils$ses_mean

json <- function(x) {
  paste0("{", paste0('"', names(x), '": ', sprintf("%.10g", x), collapse = ", "), "}")
}

lines <- character()
ask <- function(name, call, interval = FALSE) {
  fit <- eval(parse(text = call))
  table <- coef(summary(fit))
  rownames(table) <- sub("(Intercept)", "Intercept", rownames(table), fixed = TRUE)
  estimate <- setNames(table[, "Estimate"], rownames(table))
  se <- setNames(table[, "Std. Error"], rownames(table))
  numbers <- c(log_likelihood = as.numeric(logLik(fit)))
  if (inherits(fit, "merMod")) {
    sd <- as.data.frame(VarCorr(fit))
    numbers <- c(numbers, sd_hospital = sd$sdcor[1], sd_patient = sd$sdcor[2])
    if (interval) {
      # the profile is that of the maximum-likelihood fit, also when the fit is REML
      ci <- confint(fit, parm = ".sig01", method = "profile", quiet = TRUE)
      numbers <- c(numbers, sd_hospital_low = ci[1], sd_hospital_high = ci[2])
    }
  }
  lines[[name]] <<- sprintf(
    '  "%s": {"call": "%s", "estimate": %s, "se": %s, "numbers": %s}',
    name, call, json(estimate), json(se), json(numbers)
  )
}

ask("three_pooled", "lm(will_to_live ~ symptom_severity, data = three)")
ask("three_dummies", "lm(will_to_live ~ symptom_severity + hospital, data = three)")
ask("three_partial", "lmer(will_to_live ~ symptom_severity + (1 | hospital), data = three)")
ask("three_within_between",
    "lmer(will_to_live ~ sev_within + sev_mean + (1 | hospital), data = three)")
ask("three_null", "lmer(will_to_live ~ 1 + (1 | hospital), data = three)", interval = TRUE)
ask("forty_null", "lmer(will_to_live ~ 1 + (1 | hospital), data = forty)", interval = TRUE)
ask("unbalanced_null", "lmer(will_to_live ~ 1 + (1 | hospital), data = unbalanced)")
ask("unbalanced_staff",
    "lmer(will_to_live ~ staff_quality + (1 | hospital), data = unbalanced)")
ask("forty_severity", "lmer(will_to_live ~ symptom_severity + (1 | hospital), data = forty)")
ask("forty_within_between",
    "lmer(will_to_live ~ sev_within + sev_mean + (1 | hospital), data = forty)")
ask("forty_mundlak",
    "lmer(will_to_live ~ symptom_severity + sev_mean + (1 | hospital), data = forty)")
ask("forty_mundlak_staff",
    "lmer(will_to_live ~ symptom_severity + sev_mean + staff_quality + (1 | hospital), data = forty)")
ask("pupils_ses", "lmer(maths ~ ses + (1 | school), data = pupils)")
ask("pupils_within_between", "lmer(maths ~ ses_within + ses_mean + (1 | school), data = pupils)")

cat("{\n", paste(lines, collapse = ",\n"), "\n}\n", sep = "")
