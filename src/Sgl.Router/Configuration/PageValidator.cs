using Microsoft.Extensions.Options;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>The page is a part of the HTTP API: without its port there is none.</summary>
internal sealed class PageValidator(IOptions<ServiceListenOptions> listen) : IValidateOptions<RouterOptions>
{
    public ValidateOptionsResult Validate(string? name, RouterOptions options)
    {
        var errors = new SettingErrors(RouterOptions.SectionName);
        try
        {
            errors.Require(
                options.Page is not true || listen.Value.HttpPort is not null, nameof(options.Page), "is true, but Listen:HttpPort is not set",
                "set the port, or leave Page out");
        }
        catch (OptionsValidationException)
        {
            // What is wrong in the other section is told by it.
        }

        return errors.ToResult();
    }
}
