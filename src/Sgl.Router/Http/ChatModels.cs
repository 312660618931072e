using Google.Rpc;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>Names that <c>model</c> may have.</summary>
internal static class ChatModels
{
    /// <summary>The cascade of both models.</summary>
    public const string Router = "sgl";

    /// <summary>In front of the name of a policy.</summary>
    public const string PolicyPrefix = Router + ":";

    public static IEnumerable<string> Names(ModelPair models, RouterPolicies policies) =>
        policies.All.Skip(1).Select(p => PolicyPrefix + p.Name).Prepend(Router).Concat([models.Small.Info?.Name, models.Large.Info?.Name]).OfType<string>().Where(n => n.Length > 0).Distinct();

    /// <summary>A name that is none of them. While a model was never reached, its name is not known: then the answer is to try again.</summary>
    public static Google.Rpc.Status NotFound(string model, ModelPair models, RouterPolicies policies)
    {
        if (models.Small.Info is null || models.Large.Info is null)
        {
            return Faults.Unavailable($"The model {ViolationList.Quote(model)} is not known: not all models could be reached yet.", TimeSpan.FromSeconds(1));
        }

        var description = $"the model {ViolationList.Quote(model)} does not exist; use one of {string.Join(", ", Names(models, policies))}";
        var bad = new BadRequest();
        bad.FieldViolations.Add(new BadRequest.Types.FieldViolation { Field = "model", Description = description });
        return Faults.Create(Code.NotFound, description, RouterErrorReasons.ModelNotFound, bad);
    }
}
