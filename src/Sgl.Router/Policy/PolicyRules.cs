using Google.Protobuf.WellKnownTypes;
using Sgl.Guidance;
using Sgl.Hosting;
using Sgl.Policies;

namespace Sgl.Router;

/// <summary>Checks a request's policy and fills in the router's own.</summary>
internal static class PolicyRules
{
    private const string Field = "policy";
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromDays(1);

    /// <summary>Resolves <c>policy</c>.</summary>
    /// <param name="policy">Null: all the router's.</param>
    /// <param name="policies">The router's.</param>
    /// <param name="small">The small model, where it is known.</param>
    /// <param name="large">The large model, where it is known.</param>
    /// <param name="violations">Gets what is wrong; the result is then not to be used.</param>
    public static RequestPolicy Resolve(Wire.RoutingPolicy? policy, RouterPolicies policies, Wire.ModelInfo? small, Wire.ModelInfo? large, ViolationList violations)
    {
        policy ??= new Wire.RoutingPolicy();
        if (policies.Find(policy.Name) is not { } defaults)
        {
            violations.Add($"{Field}.name", $"{ViolationList.Quote(policy.Name)} is not a policy; use one of {string.Join(", ", policies.All.Select(p => p.Name))}");
            defaults = policies.Default;
        }

        var force = policy.Force == Wire.Route.Unspecified ? defaults.Force : policy.Force;
        var criterion = policy.Criterion == Wire.ExitCriterion.Unspecified ? defaults.Criterion : WireGuidance.To(policy.Criterion);
        if (criterion is null)
        {
            violations.RequireKnown(policy.Criterion, $"{Field}.criterion");
        }

        if (criterion == ExitCriterion.Learnt && defaults.Learnt is null)
        {
            violations.Add($"{Field}.criterion", $"policy {defaults.Name} has learnt nothing; give it a file of 'sgl calibrate --criterion Learnt', or name a policy that has one");
        }

        var importance = Importance(policy.Importance, defaults.Importance, violations);
        Threshold(policy, criterion, force, importance, defaults, violations);
        if (small is { ProbabilitiesOnly: true } && force == Wire.Route.Unspecified && criterion is { } wanted && !ForeignEngines.HasScore(wanted))
        {
            violations.Add($"{Field}.criterion", $"{WireGuidance.Name(wanted)} cannot be had, since {ForeignEngines.NoScore(small)}");
        }

        var (prune, pruneField) = Prune(policy, defaults, small, large, violations);
        PrunePointRules.Read(prune, PrunableModel.Of(large), pruneField, violations);
        violations.RequireKnown(policy.Force, $"{Field}.force");
        violations.RequireKnown(policy.OnLargeFailure, $"{Field}.on_large_failure");
        var unheard = Unheard(policy, prune.Count > 0, small, large, violations);
        var tileThreshold = TileThreshold(policy, force, defaults, small, large, violations);
        return new RequestPolicy
        {
            Criterion = criterion ?? defaults.Criterion,
            Learnt = defaults.Learnt,
            Threshold = policy.HasThreshold ? policy.Threshold : null,
            Force = force,
            Source = defaults.Threshold,
            Calibration = (defaults.Name, defaults.Drift),
            Prune = prune,
            PruneField = pruneField,
            ImportanceShare = unheard.Length > 0 ? null : ImportanceShare(policy, defaults, violations),
            DiversityWeight = unheard.Length > 0 ? null : DiversityWeight(policy, defaults, tileThreshold is not null, violations),
            OnLargeFailure = PolicyTerms.LargeFailures.To(policy.OnLargeFailure) ?? defaults.OnLargeFailure,
            LargeTimeout = LargeTimeout(policy.LargeTimeout, violations) ?? defaults.LargeTimeout,
            Importance = importance,
            Overlap = defaults.Overlap,
            Draft = defaults.Draft && !policy.OmitDraft,
            TileThreshold = tileThreshold,
            Pictures = Pictures(policy.Pictures, defaults, small, large, violations),
        };
    }

    private static void Threshold(
        Wire.RoutingPolicy policy, ExitCriterion? criterion, Wire.Route force, Wire.ImportanceOptions importance, ConfiguredPolicy defaults, ViolationList violations)
    {
        const string at = $"{Field}.threshold";
        if (policy.HasThreshold && !(policy.Threshold >= 0))
        {
            violations.Add(at, FormattableString.Invariant($"must be a number from 0 (always exits) to 1, or above 1 (never exits); was {policy.Threshold}"));
        }

        if (force != Wire.Route.Unspecified || criterion is null)
        {
            return;
        }

        if (!policy.HasThreshold && !defaults.IsAdaptive && criterion != defaults.Criterion)
        {
            violations.Add(
                at, $"is required with criterion {WireGuidance.Name(criterion.Value)}: the router's own threshold belongs to {WireGuidance.Name(defaults.Criterion)}");
        }

        if (importance.SkipConsistency && ExitCriteria.NeedsConsistency(criterion.Value))
        {
            violations.Add($"{Field}.importance.skip_consistency", $"criterion {WireGuidance.Name(criterion.Value)} needs the consistency pass");
        }
    }

    private static (IReadOnlyList<Wire.PrunePoint> Points, string Field) Prune(
        Wire.RoutingPolicy policy, ConfiguredPolicy defaults, Wire.ModelInfo? small, Wire.ModelInfo? large, ViolationList violations)
    {
        if (policy.Prune.Count > 0 && large is { GuidedByPictures: true })
        {
            violations.Add($"{Field}.prune", ForeignEngines.NoPruning(large), ErrorReasons.PruneLayerUnavailable);
        }
        else if (policy.Prune.Count > 0 && small is { ProbabilitiesOnly: true })
        {
            violations.Add($"{Field}.prune", ForeignEngines.NoImportance(small));
        }

        if (policy.Unpruned && policy.Prune.Count > 0)
        {
            violations.Add($"{Field}.unpruned", "excludes prune; set one of the two");
        }

        // The router's own points are for models that prune.
        return policy.Unpruned || ForeignEngines.Unpruned(small, large).Length > 0 ? ([], Field + ".prune")
            : policy.Prune.Count > 0 ? (policy.Prune, Field + ".prune")
            : (defaults.Prune, defaults.PruneField);
    }

    // What a request asks of the pruning itself is refused where nothing is pruned; the router's own settings give way.
    private static string Unheard(Wire.RoutingPolicy policy, bool prunes, Wire.ModelInfo? small, Wire.ModelInfo? large, ViolationList violations)
    {
        var why = ForeignEngines.Unpruned(small, large) is { Length: > 0 } foreign ? foreign
            : policy.Unpruned ? "means nothing beside unpruned; leave one of the two out"
            : !prunes ? "means nothing where nothing is pruned; set prune too" : "";
        foreach (var (isOwn, field) in ((bool, string)[])[(policy.HasImportanceShare, "importance_share"), (policy.HasDiversityWeight, "diversity_weight")])
        {
            if (isOwn && why.Length > 0)
            {
                violations.Add($"{Field}.{field}", why);
            }
        }

        return why;
    }

    private static double? ImportanceShare(Wire.RoutingPolicy policy, ConfiguredPolicy defaults, ViolationList violations)
    {
        if (!policy.HasImportanceShare)
        {
            return defaults.ImportanceShare;
        }

        if (!(policy.ImportanceShare >= 0 && policy.ImportanceShare <= 1))
        {
            violations.Add($"{Field}.importance_share", FormattableString.Invariant($"must be between 0 and 1, was {policy.ImportanceShare}"));
        }

        return policy.ImportanceShare;
    }

    // What the router is configured for gives way to guided tiles; what the request itself wants may not contradict them.
    private static double? DiversityWeight(Wire.RoutingPolicy policy, ConfiguredPolicy defaults, bool guidedTiles, ViolationList violations)
    {
        const string at = $"{Field}.diversity_weight";
        if (!policy.HasDiversityWeight)
        {
            return guidedTiles ? null : defaults.DiversityWeight;
        }

        if (DiverseSelection.WeightProblem(policy.DiversityWeight) is { } problem)
        {
            violations.Add(at, problem);
        }

        if (guidedTiles)
        {
            violations.Add(at, "excludes guided tiles: what is not encoded has no features to compare; set tiles to all");
        }

        return policy.DiversityWeight;
    }

    private static double? TileThreshold(
        Wire.RoutingPolicy policy, Wire.Route force, ConfiguredPolicy defaults, Wire.ModelInfo? small, Wire.ModelInfo? large, ViolationList violations)
    {
        violations.RequireKnown(policy.Tiles, $"{Field}.tiles");
        var isOwn = policy.Tiles != Wire.TileMode.Unspecified;
        var guided = (PolicyTerms.Tiles.To(policy.Tiles) ?? defaults.Tiles) == TilePolicy.Guided;
        if (policy.HasTileThreshold && !(policy.TileThreshold >= 0 && policy.TileThreshold <= 1))
        {
            violations.Add($"{Field}.tile_threshold", FormattableString.Invariant($"must be between 0 (all tiles stay) and 1, was {policy.TileThreshold}"));
        }
        else if (policy.HasTileThreshold && !guided)
        {
            violations.Add($"{Field}.tile_threshold", "means nothing without guided tiles; set tiles too");
        }

        var whole = large is { CutsTiles: false } ? NoTiles(large) : small is { ProbabilitiesOnly: true } ? ForeignEngines.NoImportance(small) : "";
        if (guided && (isOwn || policy.HasTileThreshold) && whole.Length > 0 && force != Wire.Route.Small)
        {
            violations.Add(isOwn ? $"{Field}.tiles" : $"{Field}.tile_threshold", whole);
        }

        // The router's own are for models that cut tiles.
        return guided && whole.Length == 0 ? policy.HasTileThreshold ? policy.TileThreshold : defaults.TileThreshold : null;
    }

    /// <summary>Why guided tiles are refused.</summary>
    public static string NoTiles(Wire.ModelInfo large) =>
        $"{large.Name} ({large.Family}) encodes an image as a whole, so no tiles can be left out; use prune at an early layer, or image_limits.max_pixels for a smaller image";

    private static Wire.PicturePolicy Pictures(
        Wire.PicturePolicy? own, ConfiguredPolicy defaults, Wire.ModelInfo? small, Wire.ModelInfo? large, ViolationList violations)
    {
        const string at = $"{Field}.pictures";
        if (own is not { Strategy: not Wire.PictureStrategy.Unspecified })
        {
            if (own is { Crops: not null } or { Budget: not null })
            {
                violations.Add($"{at}.strategy", "is required with crops or budget");
                PicturePolicyRules.Check(own, at, violations);
            }

            // The router's own are for models that are guided by pictures.
            return large is { GuidedByPictures: false } ? new Wire.PicturePolicy { Strategy = Wire.PictureStrategy.None } : defaults.Pictures;
        }

        PicturePolicyRules.Check(own, at, violations);
        if (own.Strategy != Wire.PictureStrategy.None && large is { GuidedByPictures: false })
        {
            violations.Add(at, $"means nothing to {large.Name}, which drops visual tokens in its layers; use prune");
        }
        else if (own.Strategy == Wire.PictureStrategy.Crops && small is { ProbabilitiesOnly: true })
        {
            violations.Add($"{at}.strategy", ForeignEngines.NoImportance(small));
        }

        return own;
    }

    private static Wire.ImportanceOptions Importance(Wire.ImportanceOptions? wanted, Wire.ImportanceOptions defaults, ViolationList violations)
    {
        ImportanceRules.Check(wanted, $"{Field}.importance", violations);

        // Merging takes every field that the request set and leaves the router's value in the others.
        var options = defaults.Clone();
        options.MergeFrom(wanted);
        return options;
    }

    private static TimeSpan? LargeTimeout(Duration? timeout, ViolationList violations)
    {
        const string at = $"{Field}.large_timeout";
        if (timeout is null)
        {
            return null;
        }

        try
        {
            var value = timeout.ToTimeSpan();
            if (value > TimeSpan.Zero && value <= LongestTimeout)
            {
                return value;
            }
        }
        catch (InvalidOperationException)
        {
            // Not a normalised duration; told below like one out of range.
        }

        violations.Add(at, $"must be above 0 and at most {LongestTimeout.TotalSeconds:0} s");
        return null;
    }
}
