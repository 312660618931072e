namespace Sgl.Router;

/// <summary>
/// Checks what can be checked without a model, with the model services' own rules: structure of images and chat, ranges of sampling and image limits. What
/// needs a tokenizer or an image decoder is checked by the model services, whose violations are passed on under the same field names.
/// </summary>
internal static class RequestRules
{
    /// <summary>Checks a request.</summary>
    /// <param name="request">From the wire.</param>
    /// <param name="models">Limits of the models, where they are known.</param>
    /// <param name="violations">Gets what is wrong.</param>
    public static void Check(Wire.AnswerRequest request, ModelPair models, ViolationList violations)
    {
        Images(request, models, violations);
        ChatRules.Check(request.Messages, request.Images.Count, "messages", violations);
        SamplingRules.Check(request.Sampling, models.Least(m => m.MaxNewTokens), "sampling", violations);
        ImageLimitRules.Check(request.ImageLimits, "image_limits", violations);
    }

    private static void Images(Wire.AnswerRequest request, ModelPair models, ViolationList violations)
    {
        if (models.Least(m => m.MaxImageCount) is { } mostImages && request.Images.Count > mostImages)
        {
            violations.Add("images", $"at most {mostImages} images are accepted, found {request.Images.Count}");
        }

        var mostBytes = models.Least(m => m.MaxImageBytes);
        for (var i = 0; i < request.Images.Count; i++)
        {
            var length = request.Images[i].Data.Length;
            if (length == 0)
            {
                violations.Add($"images[{i}].data", "is empty; send the bytes of an image file");
            }
            else if (length > mostBytes)
            {
                violations.Add($"images[{i}].data", $"has {length} bytes, at most {mostBytes} are accepted");
            }
        }
    }
}
