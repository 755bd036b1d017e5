"""Estimators of other packages: an ensemble sampler (emcee), variational Bayes (PyVBMC), a direct search (PyBADS)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._frozen import Frozen
from .._io.extras import needed
from .model import FloatArray
from .target import NoisyTarget, Target


@dataclass(frozen=True, eq=False)
class Samples(Frozen):
    """Draws from a posterior, in coordinates.

    Attributes
    ----------
    draws : array of float, shape (chains, draws, f)
    log_density : array of float, shape (chains, draws)
        NaN where the method does not tell it.
    facts : dict of {str: float}
        What the method says of itself: acceptance, autocorrelation time (emcee); ELBO and its sd (PyVBMC).
    """

    draws: FloatArray
    log_density: FloatArray
    facts: dict[str, float]


def ensemble(
    target: Target, begin: FloatArray, spread: FloatArray, *, walkers: int, steps: int, burn: int, thin: int, seed: int
) -> Samples:
    """emcee's ensemble of walkers with stretch moves (Goodman and Weare, 2010); half of them are one pass.

    A noisy target that is unbiased is allowed: a walker keeps the estimate that it was accepted with, which makes its
    update one of the pseudo-marginal kind (Andrieu and Roberts, 2009), whose stationary distribution is exact.

    Parameters
    ----------
    target : Target
    begin : array of float, shape (f,)
        Around which walkers start.
    spread : array of float, shape (f,)
        Standard deviation of their starts.
    walkers, steps, burn, thin : int
        Of ``steps`` steps the first ``burn`` are dropped and every ``thin``-th is kept.
    seed : int
    """
    emcee = needed("emcee", "emcee", "method='emcee'")
    box, rng = target.space.box, np.random.default_rng(seed)
    first = np.empty((walkers, len(begin)))
    for w in range(walkers):
        for _ in range(1000):
            first[w] = begin + spread * rng.standard_normal(len(begin))
            if ((first[w] >= box[:, 0]) & (first[w] <= box[:, 1])).all():
                break
        else:
            first[w] = np.clip(first[w], box[:, 0], box[:, 1])

    def density(x: FloatArray) -> FloatArray:
        inside = ((x >= box[:, 0]) & (x <= box[:, 1])).all(axis=1)
        out = np.full(len(x), -np.inf)
        if inside.any():
            out[inside] = target(x[inside])
        return out

    sampler = emcee.EnsembleSampler(walkers, len(begin), density, vectorize=True)
    state = emcee.State(first, random_state=np.random.RandomState(seed % 2**32).get_state())  # noqa: NPY002
    sampler.run_mcmc(state, steps, progress=False)
    time = sampler.get_autocorr_time(discard=burn, quiet=True, tol=0)
    draws = sampler.get_chain(discard=burn, thin=thin).swapaxes(0, 1)
    facts = {
        "acceptance": float(np.mean(sampler.acceptance_fraction)), "autocorrelation_time": float(np.max(time)),
        "effective_draws": float(walkers * (steps - burn) / np.max(time)),
    }  # fmt: skip
    return Samples(draws.copy(), sampler.get_log_prob(discard=burn, thin=thin).T.copy(), facts)


def variational(target: Target, begin: FloatArray, *, draws: int, seed: int, options: dict[str, Any]) -> Samples:
    """PyVBMC's variational posterior (Acerbi, 2018; with noise, 2020): few evaluations, noise allowed."""
    pyvbmc = needed("pyvbmc", "vbmc", "method='vbmc'")
    box = target.space.box
    noisy = isinstance(target, NoisyTarget)
    width = box[:, 1] - box[:, 0]
    flat = 0.0 if target.priors is not None else -float(np.log(width).sum())  # a uniform prior over the box

    def density(x: FloatArray) -> Any:
        if isinstance(target, NoisyTarget):
            value, deviation = target.estimate(np.atleast_2d(x))
            return float(value[0]) + flat, float(deviation[0])
        return float(target(np.atleast_2d(x))[0]) + flat

    settings = {"display": "off", "specify_target_noise": noisy} | options
    inside = np.clip(begin, box[:, 0] + 0.01 * width, box[:, 1] - 0.01 * width)
    found, results = pyvbmc.VBMC(
        density, inside[None], box[None, :, 0], box[None, :, 1], box[None, :, 0] + 0.1 * width,
        box[None, :, 1] - 0.1 * width, options=settings, seed=seed,
    ).optimize()  # fmt: skip
    drawn, _ = found.sample(draws)
    facts = {"elbo": float(results["elbo"]), "elbo_sd": float(results["elbo_sd"]),
             "converged": float(bool(results["success_flag"]))}  # fmt: skip
    return Samples(np.clip(drawn, box[:, 0], box[:, 1])[None], np.full((1, draws), np.nan), facts)


def direct_search(
    target: Target, begin: FloatArray, *, seed: int, options: dict[str, Any]
) -> tuple[FloatArray, float, bool, float]:
    """PyBADS (Acerbi and Ma, 2017) from one start: where it ends, the log density, whether it converged, and its sd."""
    pybads = needed("pybads", "bads", "method='bads'")
    box = target.space.box
    width = box[:, 1] - box[:, 0]
    noisy = isinstance(target, NoisyTarget)

    def cost(x: FloatArray) -> Any:
        if isinstance(target, NoisyTarget):
            value, deviation = target.estimate(np.atleast_2d(x))
            return -float(value[0]), float(deviation[0])
        return -float(target(np.atleast_2d(x))[0])

    settings = {
        "display": "off", "uncertainty_handling": noisy, "specify_target_noise": noisy, "random_seed": seed,
    } | options  # fmt: skip
    found = pybads.BADS(
        cost, begin, box[:, 0], box[:, 1], box[:, 0] + 0.1 * width, box[:, 1] - 0.1 * width, options=settings
    ).optimize()
    deviation = float(found["fsd"]) if noisy else 0.0
    return np.asarray(found["x"], dtype=np.float64).ravel(), -float(found["fval"]), bool(found["success"]), deviation
