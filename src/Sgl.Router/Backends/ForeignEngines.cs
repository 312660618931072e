using Sgl.Guidance;

namespace Sgl.Router;

/// <summary>What cannot be had of a model that runs in a foreign engine.</summary>
internal static class ForeignEngines
{
    /// <summary>Whether a criterion can be made from token probabilities alone.</summary>
    public static bool HasScore(ExitCriterion criterion) =>
        criterion is ExitCriterion.Confidence or ExitCriterion.QuantileQ1 or ExitCriterion.QuantileQ2 or ExitCriterion.QuantileQ3;

    /// <summary>Why a criterion is refused, and what to use instead.</summary>
    public static string NoScore(Wire.ModelInfo small) =>
        $"{small.Name} runs in a foreign engine, which tells token probabilities and neither importance nor consistency; use confidence or a quantile";

    /// <summary>Why prune points are refused.</summary>
    public static string NoPruning(Wire.ModelInfo large) =>
        $"{large.Name} runs in a foreign engine, which drops no visual tokens in its layers";

    /// <summary>Why nothing is pruned by these two; empty where it is, or where they are not known yet.</summary>
    public static string Unpruned(Wire.ModelInfo? small, Wire.ModelInfo? large) =>
        large is { GuidedByPictures: true } ? NoPruning(large) : small is { ProbabilitiesOnly: true } ? NoImportance(small) : "";

    /// <summary>Why nothing that needs importance can be done.</summary>
    public static string NoImportance(Wire.ModelInfo small) =>
        $"{small.Name} runs in a foreign engine, which does not tell which visual tokens mattered";
}
