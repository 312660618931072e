using Sgl.Hosting;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary>What guidance means to an engine that drops no visual tokens.</summary>
internal static class BridgeGuidance
{
    private const string Field = "guidance";

    /// <summary>Notes what cannot be done, whatever the images are.</summary>
    public static void CheckShape(Wire.Guidance guidance, string model, ViolationList violations)
    {
        switch (guidance.KindCase)
        {
            case Wire.Guidance.KindOneofCase.Masks:
                violations.Add($"{Field}.masks", NoPruning(model), ErrorReasons.PruneLayerUnavailable);
                break;
            case Wire.Guidance.KindOneofCase.Ranked:
                violations.Add($"{Field}.ranked", NoPruning(model), ErrorReasons.PruneLayerUnavailable);
                break;
            case Wire.Guidance.KindOneofCase.Unpruned:
                break;
            case Wire.Guidance.KindOneofCase.Pictures:
                PictureRules.CheckShape(guidance.Pictures, violations);
                break;
            default:
                violations.Add(Field, "one of pictures and unpruned is required");
                break;
        }

        if (guidance.Tiles is not null)
        {
            violations.Add($"{Field}.tiles", NoTiles(model));
        }

        if (guidance.Draft is { TokenIds.Count: > 0 })
        {
            violations.Add($"{Field}.draft", $"{model} runs in a foreign engine, which takes no drafts", ErrorReasons.VocabularyMismatch);
        }
    }

    /// <summary>Why tiles are refused.</summary>
    public static string NoTiles(string model) => $"{model} runs in a foreign engine, which encodes all of every picture that it is sent";

    /// <summary>The part of a digest that can be compared: which visual tokens the engine sees is not known.</summary>
    public static Wire.InputDigest? Comparable(Wire.InputDigest? digest) => digest is null ? null : new Wire.InputDigest { PromptSha256 = digest.PromptSha256 };

    /// <summary>How the pictures are made.</summary>
    public static Wire.PicturePolicy Policy(Wire.Guidance guidance) => guidance.Pictures?.Policy ?? new Wire.PicturePolicy { Strategy = Wire.PictureStrategy.None };

    private static string NoPruning(string model) => $"{model} runs in a foreign engine, which drops no visual tokens in its layers; set pictures, or unpruned";
}
