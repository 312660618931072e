using Sgl.Policies;

namespace Sgl.Router;

/// <summary>Whether a small model can guide a large one.</summary>
internal static class Pairing
{
    /// <summary>The small answer as a draft for the large model, up to the first id that the two do not share; null where there is none.</summary>
    /// <param name="small">The small model.</param>
    /// <param name="large">The large model.</param>
    /// <param name="answer">The small model's answer; null: it was not asked.</param>
    public static Wire.Draft? Draft(Wire.ModelInfo? small, Wire.ModelInfo large, SmallAnswer? answer)
    {
        if (answer is null || answer.TokenIds.Count == 0 || small is null)
        {
            return null;
        }

        if (small.TokenizerDigest.Length > 0 && small.TokenizerDigest == large.TokenizerDigest)
        {
            var draft = new Wire.Draft { TokenizerDigest = small.TokenizerDigest };
            draft.TokenIds.AddRange(answer.TokenIds);
            return draft;
        }

        // Generations of a family share their ordinary tokens; an id may be an added token of another meaning in each.
        var shared = new Wire.Draft();
        if (small.OrdinaryTokensDigest.Length > 0 && small.OrdinaryTokensDigest == large.OrdinaryTokensDigest)
        {
            shared.TokenIds.AddRange(answer.TokenIds.TakeWhile(id => Added(small, id) == Added(large, id)));
        }

        return shared.TokenIds.Count == 0 ? null : shared;
    }

    private static string? Added(Wire.ModelInfo model, int id) => model.AddedTokens.TryGetValue(id, out var token) ? token : null;

    /// <summary>Why not; empty where it can, or where one of them is not known yet.</summary>
    /// <param name="small">The small model.</param>
    /// <param name="large">The large model.</param>
    /// <param name="policies">Their explicit prune layers must be among the large model's.</param>
    public static string Problem(Wire.ModelInfo? small, Wire.ModelInfo? large, RouterPolicies policies)
    {
        if (small is null || large is null)
        {
            return "";
        }

        if (Unscored(small, policies) is { Length: > 0 } unscored)
        {
            return unscored;
        }

        if (small.ProbabilitiesOnly && large.GuidedByPictures && policies.All.FirstOrDefault(p => p.Pictures.Strategy == Wire.PictureStrategy.Crops) is { } crops)
        {
            return $"policy {crops.Name}: crops cannot be made, since {ForeignEngines.NoImportance(small)}";
        }

        // Pictures are cut out by their pixels, whatever the two models make of them.
        if (large.GuidedByPictures)
        {
            return "";
        }

        if (small.VisualLayoutKey != large.VisualLayoutKey)
        {
            return $"{small.Name} and {large.Name} cut images into different visual tokens (visual_layout_key '{small.VisualLayoutKey}' and "
                + $"'{large.VisualLayoutKey}'), so importance from one says nothing about the other; serve two models of one family with equal tile settings";
        }

        if (small.ProbabilitiesOnly)
        {
            return "";
        }

        var violations = policies.All.DistinctBy(p => p.PruneField).SelectMany(p => ViolationList.Of(v => PrunePointRules.Read(p.Prune, PrunableModel.Of(large), p.PruneField, v)));
        return string.Join("; ", violations.Select(v => $"{v.Field} {v.Description}"));
    }

    /// <summary>What the policies ask for that means nothing to these two, so that nobody waits for it in vain; requests that ask for it themselves are refused.</summary>
    /// <param name="small">The small model.</param>
    /// <param name="large">The large model.</param>
    /// <param name="policies">The policies.</param>
    public static IReadOnlyList<string> Idle(Wire.ModelInfo? small, Wire.ModelInfo? large, RouterPolicies policies)
    {
        if (small is null || large is null)
        {
            return [];
        }

        var unpruned = ForeignEngines.Unpruned(small, large);
        var whole = unpruned.Length > 0 ? unpruned : large.CutsTiles ? "" : PolicyRules.NoTiles(large);
        return
        [
            .. policies.All.Where(p => p.Tiles == TilePolicy.Guided && whole.Length > 0).Select(p => $"guided tiles of policy {p.Name} are not used: {whole}"),
            .. policies.All.Where(p => p.ImportanceShare is not null && unpruned.Length > 0).Select(p => $"importance share of policy {p.Name} is not used: {unpruned}"),
            .. policies.All.Where(p => p.DiversityWeight is not null && unpruned.Length > 0).Select(p => $"diversity weight of policy {p.Name} is not used: {unpruned}"),
            .. policies.All.Where(p => p.HasOwnPrune && unpruned.Length > 0).Select(p => $"prune points of policy {p.Name} are not used: {unpruned}"),
            .. policies.All.Where(p => p.Pictures.Strategy is Wire.PictureStrategy.Crops or Wire.PictureStrategy.Budget && !large.GuidedByPictures)
                .Select(p => $"pictures of policy {p.Name} are not used: {large.Name} drops visual tokens in its layers"),
        ];
    }

    // Refused here, where an operator sees it at start, and not with every question.
    private static string Unscored(Wire.ModelInfo small, RouterPolicies policies) => string.Join("; ", policies.All
        .Where(p => small.ProbabilitiesOnly && !ForeignEngines.HasScore(p.Criterion))
        .Select(p => $"policy {p.Name}: criterion {WireGuidance.Name(p.Criterion)} cannot be had, since {ForeignEngines.NoScore(small)}"));
}
