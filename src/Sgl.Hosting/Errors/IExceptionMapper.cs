using Microsoft.Extensions.DependencyInjection;

namespace Sgl.Hosting;

/// <summary>Says what an exception of some library means to a client. The first mapper that answers decides.</summary>
public interface IExceptionMapper
{
    /// <summary>The status for <paramref name="exception"/>, or null where this mapper does not know it.</summary>
    Google.Rpc.Status? Map(Exception exception);
}

/// <summary>Registers exception mappers.</summary>
public static class ExceptionMapperExtensions
{
    /// <summary>Maps <typeparamref name="TException"/> and what derives from it.</summary>
    /// <param name="services">Services of the host.</param>
    /// <param name="map">Exception to status; build it with <see cref="Faults"/>.</param>
    public static IServiceCollection AddExceptionMapper<TException>(this IServiceCollection services, Func<TException, Google.Rpc.Status> map)
        where TException : Exception => services.AddSingleton<IExceptionMapper>(new TypedMapper<TException>(map));

    private sealed class TypedMapper<TException>(Func<TException, Google.Rpc.Status> map) : IExceptionMapper
        where TException : Exception
    {
        public Google.Rpc.Status? Map(Exception exception) => exception is TException e ? map(e) : null;
    }
}
