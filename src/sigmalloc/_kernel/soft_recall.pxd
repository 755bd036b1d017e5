"""A recall of the soft policy: the distribution function of a normal and a Gumbel variable, and two derivatives.

G(y; s) = E_ζ[Λ(y − sζ)] = E_g[Φ((y − g)/s)] in units of 1/β (`_choices/noise.py`): a trapezoidal rule in ζ for small
s, a Gauss rule over the Gumbel distribution for larger s, and from 3 on, where most agents are, a series in 1/s of what
is left of that distribution's moments without two exponential distributions. bench/gumbel_rules.py derives the
constants.
"""

from libc.math cimport fabs
from libc.stdint cimport int64_t

from .lanes cimport LANES, in_, out
from .precise cimport INVERSE_ROOT_TWO_PI, bell, bounded, normal_below, precise_exponential

cdef extern from *:
    """
    static const double sm_gumbel_36_node[36] = {
        -2.5967825928826813, -2.124491477211764, -1.6421781732075347, -1.1146091219772034, -0.518350841397719,
        0.1676962801053846, 0.9628638325699245, 1.8829257689616494, 2.9384009135084317, 4.13467493811678,
        5.473900210668537, 6.957168062606836, 8.585815514503688, 10.361845681203619, 12.287921476882854,
        14.367269443969581, 16.603613106226202, 19.001146251460746, 21.56453014607597, 24.29889997139137,
        27.209869388220287, 30.303522145027454, 33.58637546383073, 37.06529062094069, 40.74728869411203,
        44.639197398996224, 48.74699522146594, 53.0746051305794, 57.621667001414565, 62.379369517844935,
        67.32250529054637, 72.39404681026068, 77.47501095589881, 82.32764288871924, 86.50506926742403,
        89.28929245739707,
    };
    static const double sm_gumbel_36_weight[36] = {
        9.767212370854424e-06, 0.0009110689979794317, 0.014756510621624013, 0.08072983935558463, 0.1997430047249194,
        0.2677637492130929, 0.22293838447792674, 0.1289053060258743, 0.056513373631069105, 0.019968405254158387,
        0.005894433968976501, 0.0014792719360055156, 0.0003177551342405101, 5.850552095491889e-05,
        9.223888662328716e-06, 1.2423999836143128e-06, 1.4253404070631728e-07, 1.387701588739716e-08,
        1.1417169303080313e-09, 7.900085191541783e-11, 4.573064903160623e-12, 2.2016479317000456e-13,
        8.759979210292171e-15, 2.861181010727262e-16, 7.618011514576682e-18, 1.642069783153576e-19,
        2.847637865042918e-21, 3.955238726731534e-23, 4.396675802216904e-25, 3.935388311822702e-27,
        2.8818071733637857e-29, 1.7348974039368633e-31, 8.417177740697075e-34, 1.4457844267768996e-36,
        1.2490674940082216e-37, 3.391043966720718e-38,
    };
    static const double sm_trapezoidal_44[22] = {
        3.813335150589621e-16, 8.090008123820253e-15, 1.4839505046918263e-13, 2.353511642512772e-12,
        3.227303161006733e-11, 3.8263936993814935e-10, 3.922527700714986e-09, 3.476713170823885e-08,
        2.664392383517806e-07, 1.76544414232156e-06, 1.0114309899292893e-05, 5.010084008308822e-05,
        0.0002145755513764974, 0.0007945878926717029, 0.0025440762669851494, 0.007042790778317128,
        0.016857218820143113, 0.0348861897683977, 0.062423430314766, 0.09657577439007133, 0.12918593862903827,
        0.14941313144778784,
    };
    static const double sm_trapezoidal_104[52] = {
        1.5919748686927547e-16, 5.800420062366056e-16, 2.0604990795501505e-15, 7.136333607506134e-15,
        2.4097256686330317e-14, 7.933225587166933e-14, 2.546371380668514e-13, 7.968625657968861e-13,
        2.4312792683492818e-12, 7.232292939658607e-12, 2.0975238654482008e-11, 5.930994940484657e-11,
        1.6350759725838994e-10, 4.3947893169031546e-10, 1.1516696554586289e-09, 2.942439407929785e-09,
        7.3295425973386935e-09, 1.7800653987950143e-08, 4.2148758216969896e-08, 9.730235465495574e-08,
        2.1900380304177306e-07, 4.805844377438237e-07, 1.028199742361503e-06, 2.1447418117584605e-06,
        4.361765234295603e-06, 8.648470237260732e-06, 1.671883625053772e-05, 3.1511025242612895e-05,
        5.7904026358095705e-05, 0.00010373963932349579, 0.00018120511157162302, 0.0003085928756968546,
        0.000512378723133912, 0.0008294419929868839, 0.001309093575217609, 0.0020143971774713755,
        0.003022102968648385, 0.004420416090871127, 0.0063038632760332725, 0.008764762646465828,
        0.011881281199262662, 0.01570276495242871, 0.020233859301448165, 0.025419737529075823, 0.031135306014632873,
        0.037181332987307976, 0.0432898930693586, 0.04914030084179088, 0.054384964484066364, 0.05868263789783923,
        0.06173481444584057, 0.06331992717689157,
    };
    #define SM_TERMS 16
    #define SM_GUMBEL_MEAN 0.5772156649015329
    #define SM_FIRST_POLE 0.5614594835668851
    #define SM_SECOND_POLE -0.3152367516871934
    static const double sm_gumbel_moment[SM_TERMS] = {  /* E[(g - mean)^k] / k! without the poles */
        0.5961588922767116, -0.48265029564508677, 0.30041214381812725, -0.1410715521999041, 0.05719848388585487,
        -0.01959763324354937, 0.006105345334503565, -0.0016702678323408159, 0.0004311961805723547,
        -9.829330306807129e-05, 2.217920949339135e-05, -4.242773682515749e-06, 8.981669722856993e-07,
        -1.338302347606166e-07, 3.224277851390023e-08, -2.2025484990761385e-09,
    };
    static const double sm_mills[SM_TERMS] = {  /* (1 + z) exp(z^2/2) Phi(-z) by powers of (z - 4)/(z + 4) */
        0.4720532065026236, -0.09670347731792203, 0.01399963566181283, 0.028600363641440932, -0.03219785747507285,
        0.017936103229015146, -0.005002214232552473, -0.0002856590155043913, 0.0006942286097289912,
        -9.431189681277087e-05, -8.63501226704618e-05, 2.1031510217378935e-05, 1.1687478610635341e-05,
        -3.2101368161851835e-06, -1.1962282917076025e-06, 3.001876044364893e-07,
    };
    """
    enum: TERMS "SM_TERMS"
    const double GUMBEL_MEAN "SM_GUMBEL_MEAN"
    const double FIRST_POLE "SM_FIRST_POLE"
    const double SECOND_POLE "SM_SECOND_POLE"
    const double* GUMBEL_MOMENT "sm_gumbel_moment"
    const double* MILLS "sm_mills"
    const double* GUMBEL_36_NODE "sm_gumbel_36_node"
    const double* GUMBEL_36_WEIGHT "sm_gumbel_36_weight"
    const double* TRAPEZOIDAL_44 "sm_trapezoidal_44"
    const double* TRAPEZOIDAL_104 "sm_trapezoidal_104"


cdef inline void begin_trapezoidal(in_ y, in_ s, double step, out tau, out growth) noexcept nogil:
    """τ = exp(sζ − y) at the first node, and its growth from node to node."""
    cdef int lane
    cdef double x
    for lane in range(LANES):
        x = -8.2 * s[lane] - y[lane]
        x = 690.0 if 690.0 < x else x
        tau[lane] = precise_exponential(-690.0 if -690.0 > x else x)
        x = step * s[lane]
        growth[lane] = precise_exponential(690.0 if 690.0 < x else x)


cdef inline void trapezoidal_term(double weight, in_ growth, out tau, out below, out slope, out bend) noexcept nogil:
    """One node of E_ζ[Λ(y − sζ)] and its derivatives."""
    cdef int lane
    cdef double term
    for lane in range(LANES):
        term = weight * precise_exponential(-(690.0 if 690.0 < tau[lane] else tau[lane]))
        below[lane] = below[lane] + term
        slope[lane] = slope[lane] + term * tau[lane]
        bend[lane] = bend[lane] + (term * tau[lane]) * (tau[lane] - 1.0)
        tau[lane] = tau[lane] * growth[lane]


cdef inline void gumbel_term(in_ y, in_ precision, double node, double weight, out below, out slope,
                             out bend) noexcept nogil:
    """One node of E_g[Φ((y − g)/s)] and its derivatives, but for powers of 1/s and 1/√(2π)."""
    cdef int lane
    cdef double z, height
    for lane in range(LANES):
        z = bounded((y[lane] - node) * precision[lane])
        height = bell(z)
        below[lane] = below[lane] + weight * normal_below(z, height)
        slope[lane] = slope[lane] + weight * height
        bend[lane] = bend[lane] - weight * (z * height)


cdef inline int rule_of(double s) noexcept nogil:
    """Which of the four rules is for s."""
    return (s > 0.75) + (s > 2.0) + (s > 3.0)


cdef inline void expand(in_ precision, out series) noexcept nogil:
    """The polynomials of a recall's series, by powers of u = (y − mean)/s: G = Φ(u) + φ(u) Q(u), but for the poles.

    R = Σ_k μ_k s^−k He_k(u), where μ_k is E[(g − mean)^k]/k! without the poles, Q with R − μ_0 = Q' − uQ, and R'.

    precision : IN [lane]; series : OUT [Q, R, R'][power][lane]
    """
    cdef Py_ssize_t j, k
    cdef int lane
    cdef double he[TERMS + 1]  # the powers of He_k, and of the one before
    cdef double before[TERMS + 1]
    cdef double weight[LANES]
    cdef double step[LANES]
    cdef double power
    cdef double* q = series
    cdef double* r = series + TERMS * LANES
    cdef double* slope = series + 2 * TERMS * LANES
    for j in range(TERMS + 1):
        he[j] = before[j] = 0.0
    he[0] = 1.0
    for j in range(3 * TERMS * LANES):
        series[j] = 0.0
    for lane in range(LANES):
        weight[lane] = 1.0
        step[lane] = precision[lane] if precision[lane] < 0.5 else 0.0  # where another rule is used
    for k in range(TERMS):
        for j in range(k + 1):
            for lane in range(LANES):
                r[j * LANES + lane] = r[j * LANES + lane] + (GUMBEL_MOMENT[k] * weight[lane]) * he[j]
        for lane in range(LANES):
            weight[lane] = weight[lane] * step[lane]
        for j in range(k + 1, -1, -1):  # He_{k+1} = u He_k − k He_{k−1}
            power = (he[j - 1] if j > 0 else 0.0) - <double> k * before[j]
            before[j] = he[j]
            he[j] = power
    for j in range(TERMS - 1, 0, -1):
        for lane in range(LANES):
            slope[(j - 1) * LANES + lane] = <double> j * r[j * LANES + lane]
            power = <double> (j + 1) * q[(j + 1) * LANES + lane] if j + 1 < TERMS else 0.0
            q[(j - 1) * LANES + lane] = power - r[j * LANES + lane]


cdef inline double polynomial(const double* c, Py_ssize_t stride, double u) noexcept nogil:
    """Σ_j c_j u^j of TERMS terms, in Estrin's order.

    c : IN [power · stride]
    """
    cdef double square = u * u
    cdef double fourth = square * square
    cdef double low = ((c[0] + u * c[stride]) + square * (c[2 * stride] + u * c[3 * stride])) + fourth * (
        (c[4 * stride] + u * c[5 * stride]) + square * (c[6 * stride] + u * c[7 * stride])
    )
    cdef double high
    c = c + 8 * stride
    high = ((c[0] + u * c[stride]) + square * (c[2 * stride] + u * c[3 * stride])) + fourth * (
        (c[4 * stride] + u * c[5 * stride]) + square * (c[6 * stride] + u * c[7 * stride])
    )
    return low + (fourth * fourth) * high


cdef inline double exponential_tail(double u, double height, double s) noexcept nogil:
    """X = exp(s²/2 − su) Φ(u − s): Φ(u) − X is the distribution function of ζ plus an exponential variable of mean 1/s.

    height : the bell's, at u
    """
    cdef double z = fabs(u - s)
    cdef double beyond = height * (polynomial(MILLS, 1, (z - 4.0) / (z + 4.0)) / (1.0 + z))
    cdef double exponent = s * (0.5 * s - u)
    exponent = -690.0 if -690.0 > exponent else exponent
    exponent = precise_exponential(0.0 if 0.0 < exponent else exponent) - beyond
    return exponent if u > s else beyond


cdef inline void by_series(in_ y, in_ s, in_ precision, in_ series, out below, out slope, out bend) noexcept nogil:
    """G, G' and G'' from a recall's series and its poles, to 1e-10 for s > 3."""
    cdef int lane
    cdef double u, height, phi, r, first, second
    for lane in range(LANES):
        u = bounded((y[lane] - GUMBEL_MEAN) * precision[lane])
        height = bell(u)
        phi = height * INVERSE_ROOT_TWO_PI
        first = FIRST_POLE * exponential_tail(u, height, s[lane])
        second = SECOND_POLE * exponential_tail(u, height, 2.0 * s[lane])
        r = polynomial(series + TERMS * LANES + lane, LANES, u)
        below[lane] = (normal_below(u, height) - (first + 0.5 * second)) + phi * polynomial(series + lane, LANES, u)
        slope[lane] = (phi * r) * precision[lane] + (first + second)
        r = polynomial(series + 2 * TERMS * LANES + lane, LANES, u) - u * r
        bend[lane] = (phi * (r * precision[lane] + (FIRST_POLE + SECOND_POLE))) * precision[lane] - (
            first + 2.0 * second
        )


cdef inline void by_rule(int rule, in_ y, in_ s, in_ precision, in_ series, out below, out slope,
                         out bend) noexcept nogil:
    """G, G' and G'' in all lanes by one rule."""
    cdef int lane, j, nodes
    cdef double tau[LANES]
    cdef double growth[LANES]
    for lane in range(LANES):
        below[lane] = slope[lane] = bend[lane] = 0.0
    if rule < 2:
        nodes = 44 if rule == 0 else 104
        begin_trapezoidal(y, s, 16.4 / <double> (nodes - 1), tau, growth)
        for j in range(nodes):
            if rule == 0:
                trapezoidal_term(TRAPEZOIDAL_44[j if j < 22 else 43 - j], growth, tau, below, slope, bend)
            else:
                trapezoidal_term(TRAPEZOIDAL_104[j if j < 52 else 103 - j], growth, tau, below, slope, bend)
        return
    if rule == 3:
        by_series(y, s, precision, series, below, slope, bend)
        return
    for j in range(36):
        gumbel_term(y, precision, GUMBEL_36_NODE[j], GUMBEL_36_WEIGHT[j], below, slope, bend)
    for lane in range(LANES):
        slope[lane] = (slope[lane] * INVERSE_ROOT_TWO_PI) * precision[lane]
        bend[lane] = ((bend[lane] * INVERSE_ROOT_TWO_PI) * precision[lane]) * precision[lane]


cdef inline void take(int rule, in_ rules, in_ below, in_ slope, in_ bend, out joint, out rate,
                      out curve) noexcept nogil:
    """What one rule gave, in the lanes that it is for."""
    cdef int lane
    cdef double g, wanted = rule
    for lane in range(LANES):
        g = 1e-280 if 1e-280 > below[lane] else below[lane]
        joint[lane] = joint[lane] * g if rules[lane] == wanted else joint[lane]
        rate[lane] = slope[lane] / g if rules[lane] == wanted else rate[lane]
        curve[lane] = -bend[lane] / g if rules[lane] == wanted else curve[lane]


cdef inline void below_soft(in_ at, in_ value, in_ s, in_ precision, in_ rules, int64_t present, in_ series, out joint,
                            out rate, out curve) noexcept nogil:
    """Of one recall at a node: the product of the G so far, G'/G, and −G''/G; each lane by the rule for its own s.

    rules : IN [lane]; present : a bit for each rule that is among them
    """
    cdef int lane, rule
    cdef double y[LANES]
    cdef double below[LANES]
    cdef double slope[LANES]
    cdef double bend[LANES]
    for lane in range(LANES):
        y[lane] = at[lane] - value[lane]
    for rule in range(4):
        if (present >> rule) & 1:
            by_rule(rule, y, s, precision, series, below, slope, bend)
            take(rule, rules, below, slope, bend, joint, rate, curve)
