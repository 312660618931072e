namespace Sgl.Router;

/// <summary>What one service's replicas offer.</summary>
/// <param name="Serving">Models of the replicas that serve, in the order of the setting.</param>
/// <param name="Known">Models that replicas served last, whether or not they do now.</param>
/// <param name="Established">The model that answered so far; null: none yet.</param>
internal sealed record ModelOffer(IReadOnlyList<Wire.ModelInfo> Serving, IReadOnlyList<Wire.ModelInfo> Known, Wire.ModelInfo? Established);

/// <summary>
/// Decides which model each service stands for where its replicas disagree. What answered so far stays until none of its replicas is left, a dead one
/// that said nothing else included: answers do not change their author because a process crashed. Otherwise a pair that fits together, then the models
/// that the policy was calibrated for, then what most replicas serve, then the order of the setting.
/// </summary>
internal static class ModelChoice
{
    public static (Wire.ModelInfo? Small, Wire.ModelInfo? Large) Choose(ModelOffer small, ModelOffer large, RouterPolicies policies)
    {
        var kept = Best(small, large, Kept(small), Kept(large), policies);
        return Fits(kept, policies) ? kept : Best(small, large, null, null, policies);
    }

    private static (Wire.ModelInfo? Small, Wire.ModelInfo? Large) Best(
        ModelOffer small, ModelOffer large, Wire.ModelInfo? keptSmall, Wire.ModelInfo? keptLarge, RouterPolicies policies)
    {
        var pairs =
            from s in keptSmall is null ? Candidates(small) : [keptSmall]
            from l in keptLarge is null ? Candidates(large) : [keptLarge]
            select (Small: s, Large: l);
        return pairs
            .OrderByDescending(p => Fits(p, policies))
            .ThenByDescending(p => Calibrated(p.Small, policies.Default.File?.SmallModel) + Calibrated(p.Large, policies.Default.File?.LargeModel))
            .ThenByDescending(p => Count(small, p.Small) + Count(large, p.Large))
            .First();
    }

    private static bool Fits((Wire.ModelInfo? Small, Wire.ModelInfo? Large) pair, RouterPolicies policies) => Pairing.Problem(pair.Small, pair.Large, policies).Length == 0;

    private static Wire.ModelInfo? Kept(ModelOffer offer) =>
        offer.Established is { } model && offer.Known.Any(k => ModelIdentity.Alike(k, model)) ? model : null;

    private static List<Wire.ModelInfo?> Candidates(ModelOffer offer)
    {
        var different = new List<Wire.ModelInfo?>();
        foreach (var model in offer.Serving)
        {
            if (different.All(d => !ModelIdentity.Alike(d!, model)))
            {
                different.Add(model);
            }
        }

        return different.Count > 0 ? different : [offer.Established];
    }

    private static int Calibrated(Wire.ModelInfo? model, string? name) => model is not null && model.Name == name ? 1 : 0;

    private static int Count(ModelOffer offer, Wire.ModelInfo? model) => model is null ? 0 : offer.Serving.Count(s => ModelIdentity.Alike(s, model));
}
